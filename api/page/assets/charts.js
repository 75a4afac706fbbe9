// Draws the table of each chart. Without a script the tables remain.

const plots = [];

/** Columns of the table: times in seconds, then a list of numbers for each series. Empty cells are gaps. */
function columnsOf(table) {
  const rows = [...table.tBodies[0].rows];
  const times = rows.map((row) => Date.parse(row.querySelector("time").dateTime) / 1000);
  const series = [...table.tHead.rows[0].cells].slice(1).map((_, index) =>
    rows.map((row) => {
      const text = row.cells[index + 1].dataset.value;
      return text === "" ? null : Number(text);
    })
  );
  return [times, ...series];
}

/** Writes times of the axis: in the reader's zone, with the day if the axis is longer than one. */
function hours(zone, [first, ...times]) {
  const isLong = times.at(-1) - first > 86_400;
  const day = isLong ? { month: "2-digit", day: "2-digit" } : {};
  const fields = { ...day, hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: zone };
  const format = new Intl.DateTimeFormat("sv", fields);
  return (_plot, splits) => splits.map((at) => format.format(new Date(at * 1000)));
}

function draw(figure) {
  const table = figure.querySelector("table");
  const place = figure.querySelector(".plot");
  const titles = [...table.tHead.rows[0].cells].slice(1).map((cell) => cell.textContent);
  const colours = [...figure.querySelectorAll(".legend li")].map((one) =>
    getComputedStyle(one).color
  );
  const style = getComputedStyle(place);
  const axis = {
    stroke: style.color,
    grid: { stroke: style.borderColor, width: .5 },
    ticks: { show: false },
  };
  const columns = columnsOf(table);
  const { dataset } = document.documentElement;
  const zone = dataset.zone === "browser"
    ? Intl.DateTimeFormat().resolvedOptions().timeZone
    : place.dataset.zone;
  place.replaceChildren();
  return new globalThis.uPlot(
    {
      width: place.clientWidth,
      height: place.clientHeight,
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.1 : 1] } },
      axes: [{ ...axis, values: hours(zone, columns[0]), label: zone }, { ...axis, size: 56 }],
      series: [
        {},
        ...titles.map((label, index) => ({
          label,
          stroke: colours[index],
          width: 2,
          points: { show: false },
        })),
      ],
    },
    columns,
    place,
  );
}

function drawAll() {
  for (const plot of plots.splice(0)) plot.destroy();
  for (const figure of document.querySelectorAll(".chart")) plots.push(draw(figure));
}

drawAll();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
let waiting;
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(drawAll, 200);
});
