/** The reference page's style sheet. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1c2321; --soft: #5b6762; --line: #d9dfdc; --paper: #fff; --wash: #f4f7f5; --leaf: #24683f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4eae7; --soft: #9aa8a2; --line: #35403b; --paper: #151a18; --wash: #1e2522; --leaf: #7ccb9a; }
}
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
.layout { display: grid; grid-template-columns: 16rem minmax(0, 1fr); max-width: 76rem; margin: 0 auto; }
nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow: auto; padding: 1.5rem 1rem; font-size: .9rem; }
nav h2 { margin: 1.2rem 0 .3rem; font-size: .75rem; text-transform: uppercase; letter-spacing: .06em; color: var(--soft); border: 0; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav a { display: block; padding: .1rem 0; overflow-wrap: anywhere; }
main { padding: 1.5rem 1.5rem 6rem; border-left: 1px solid var(--line); }
h1 { margin: 0; font-size: 1.7rem; }
h2 { margin: 3rem 0 .5rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); font-size: 1.25rem; }
h3 { margin: 2rem 0 .3rem; font-size: 1.05rem; overflow-wrap: anywhere; }
h4 { margin: 1rem 0 .3rem; font-size: .85rem; color: var(--soft); }
p { margin: .4rem 0; }
a { color: var(--leaf); text-decoration: none; }
a:hover { text-decoration: underline; }
code, pre { font: .86em/1.5 ui-monospace, monospace; }
code { overflow-wrap: anywhere; }
pre { margin: .4rem 0; padding: .7rem .9rem; overflow-x: auto; background: var(--wash); border: 1px solid var(--line); border-radius: 6px; }
table { width: 100%; border-collapse: collapse; font-size: .92rem; }
th, td { padding: .35rem .8rem .35rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { font-size: .8rem; color: var(--soft); font-weight: 600; }
td:first-child { white-space: nowrap; }
summary { cursor: pointer; color: var(--leaf); }
.method { display: inline-block; min-width: 4.2em; font-weight: 700; color: var(--leaf); }
.soft { color: var(--soft); }
section, main { min-width: 0; }
@media (max-width: 48rem) {
  .layout { display: block; }
  nav { position: static; max-height: none; padding: 1rem; }
  nav ul { max-height: 40vh; overflow: auto; }
  nav a { padding: .3rem 0; }
  main { padding: 1rem 1rem 4rem; border: 0; }
  table, tbody, tr, td { display: block; }
  th { display: none; }
  tr { padding: .4rem 0; border-bottom: 1px solid var(--line); }
  td { padding: .1rem 0; border: 0; overflow-wrap: anywhere; }
  td:first-child { white-space: normal; }
}
`;
