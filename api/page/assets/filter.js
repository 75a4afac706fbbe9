// The filter of the list of tasks: suggestions for the last condition, and views that this browser saves.

function aidFilter(input, views) {
  const options = document.querySelectorAll("#suggestions option");

  /** Every suggestion keeps what precedes the word that is typed. */
  function suggest() {
    const before = input.value.slice(0, input.value.search(/\S*$/));
    for (const option of options) option.value = before + option.dataset.condition;
  }

  input.addEventListener("input", suggest);

  const list = views.querySelector("ul");
  const form = views.querySelector("form");
  const { pathname } = new URL(input.form.action);
  const key = `celeriac views ${pathname}`;

  /** Views by name. Other values may be in the storage, or it may be forbidden. */
  function load() {
    try {
      const stored = JSON.parse(localStorage.getItem(key) ?? "[]");
      return stored.filter(({ name, q }) => typeof name === "string" && typeof q === "string");
    } catch {
      return [];
    }
  }

  function store(all) {
    try {
      localStorage.setItem(key, JSON.stringify(all));
    } catch {
      // Without storage nothing is saved.
    }
    show();
  }

  function show() {
    list.replaceChildren(
      ...load().map(({ name, q }) => {
        const link = document.createElement("a");
        link.href = `${pathname}?${new URLSearchParams({ q })}`;
        link.textContent = name;
        if (q === input.defaultValue.trim()) link.setAttribute("aria-current", "true");
        const remove = document.createElement("button");
        remove.type = "button";
        remove.textContent = "×";
        remove.setAttribute("aria-label", `${views.dataset.remove}: ${name}`);
        remove.addEventListener("click", () => {
          store(load().filter((one) => one.name !== name));
          views.querySelector("summary").focus();
        });
        const item = document.createElement("li");
        item.append(link, remove);
        return item;
      }),
    );
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const name = form.elements.namedItem("name").value.trim();
    if (name === "") return;
    const others = load().filter((one) => one.name !== name);
    store([...others, { name, q: input.value.trim() }]);
    form.reset();
    views.querySelector("details").open = false;
    views.querySelector("summary").focus();
  });

  show();
  suggest();
  views.hidden = false;
}

const savedViews = document.getElementById("views");
if (savedViews) aidFilter(document.getElementById("filter"), savedViews);
