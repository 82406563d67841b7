"""The summary page's one style sheet; its hash stands in the page's Content-Security-Policy.

Text and its ground keep a contrast of at least 4.5 in light and dark; printed, it is black on
white.
"""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f2f4f2; --card: #ffffff; --ink: #14201c; --soft: #50605a; --line: #dde3df;
  --accent: #0b5d4e; --wash: #eef4f1; --good: #0b5d4e; --good-wash: #eaf3ef; --good-line: #b9d8cc;
  --warn: #7a4a00; --warn-wash: #fff8ea; --warn-line: #e9d2a1;
  --k0: #0b5d4e; --k1: #2f7fb0; --k2: #7a5fa6; --k3: #c07a2c; --k4: #7b8a84; --k5: #58a87a;
  --k6: #b04a4a;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0d1311; --card: #161e1b; --ink: #e8efeb; --soft: #a5b3ad; --line: #2c3833;
    --accent: #66d3b6; --wash: #1b2622; --good: #8be0c9; --good-wash: #142a23; --good-line: #2a4f43;
    --warn: #f2c879; --warn-wash: #262013; --warn-line: #554522;
    --k0: #3fb89a; --k1: #67b3e0; --k2: #b39be0; --k3: #e0a45c; --k4: #93a39c; --k5: #8fd6ab;
    --k6: #e58583;
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink); padding: 2.5rem 1rem 3rem;
  font: 400 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial,
    "Noto Sans", sans-serif; overflow-wrap: anywhere; }
.frame { max-width: 62rem; margin: 0 auto; }
h1, h2, h3, p, ul, ol, dl, dd, figure { margin: 0; padding: 0; }
ul, ol { list-style: none; }
h1 { font-size: 1.75rem; line-height: 1.2; font-weight: 650; letter-spacing: -.014em; }
h2 { font-size: 1.125rem; line-height: 1.35; font-weight: 650; }
a { color: var(--accent); text-underline-offset: .15em; }
a:focus-visible, .scroll:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px;
  border-radius: .4rem; }
.soft { color: var(--soft); }
.small { font-size: .875rem; }
.over { color: var(--soft); font-weight: 600; font-size: .875rem; margin-bottom: .25rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 1rem;
  padding: 1.75rem; margin-top: 1.25rem; }
header.card { margin-top: 0; }
.card > * + * { margin-top: 1.1rem; }
.card > h2 + *, .over + h1 { margin-top: .3rem; }

.verdict { border: 1px solid; border-radius: .8rem; padding: .9rem 1.1rem; }
.verdict.good { color: var(--good); background: var(--good-wash); border-color: var(--good-line); }
.verdict.warn { color: var(--warn); background: var(--warn-wash); border-color: var(--warn-line); }
.verdict strong { display: block; font-size: 1.0625rem; }
.verdict p { color: var(--ink); }
.verdict ul { margin-top: .35rem; display: grid; gap: .3rem; color: var(--ink); }

.facts { display: grid; gap: 1rem 1.5rem; grid-template-columns: repeat(3, minmax(0, 1fr)); }
.facts dt { color: var(--soft); font-size: .875rem; }
.facts dd { font-weight: 600; }
.facts .figure dd { font-size: 1.375rem; line-height: 1.25; font-variant-numeric: tabular-nums; }

.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; font-size: .875rem;
  margin-bottom: 1rem; }
.legend li { display: flex; align-items: center; gap: .45rem; }
.swatch { width: .8rem; height: .8rem; flex: none; }
.bars { display: grid; gap: .3rem; }
.bars li { display: grid; grid-template-columns: 5.25rem minmax(0, 1fr) auto; gap: .75rem;
  align-items: center; font-size: .875rem; font-variant-numeric: tabular-nums; }
.bar { width: 100%; height: 1.15rem; display: block; border-radius: .2rem;
  background: var(--wash); }
.bars .count { min-width: 3.5rem; text-align: right; }
.k0 { fill: var(--k0); } .k1 { fill: var(--k1); } .k2 { fill: var(--k2); } .k3 { fill: var(--k3); }
.k4 { fill: var(--k4); } .k5 { fill: var(--k5); } .k6 { fill: var(--k6); }

.scroll { overflow-x: auto; position: relative; }
table { border-collapse: collapse; width: 100%; font-size: .9375rem; }
th, td { text-align: left; padding: .45rem .75rem .45rem 0; vertical-align: baseline;
  border-bottom: 1px solid var(--line); }
th:last-child, td:last-child { padding-right: .15rem; }
thead th { color: var(--soft); font-weight: 600; font-size: .8125rem; white-space: nowrap;
  border-bottom: 2px solid var(--line); }
tbody th { font-weight: 400; white-space: nowrap; }
tbody th[scope="rowgroup"] { font-weight: 700; padding-top: 1.1rem; white-space: normal; }
tbody:first-of-type th[scope="rowgroup"] { padding-top: .6rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.figures th[scope="row"], .figures thead th:first-child { position: sticky; left: 0;
  background: var(--card); }
.sum th, .sum td { font-weight: 650; border-bottom: 0; border-top: 1px solid var(--soft); }
.text th, .text td { white-space: normal; }
.text .number, .text .nowrap { white-space: nowrap; }
code { font: 400 .8125rem/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono",
  monospace; }
footer { margin: 1.5rem .25rem 0; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }

@media (max-width: 40rem) {
  body { padding: .75rem .5rem 2rem; }
  .card { padding: 1.1rem; border-radius: .8rem; }
  h1 { font-size: 1.375rem; }
  .bars li { grid-template-columns: 4.5rem minmax(0, 1fr) auto; gap: .5rem; }
  .bars .count { min-width: 2.75rem; }
  table { font-size: .875rem; }
  .facts { gap: .6rem .75rem; }
  .facts .moment { grid-column: 1 / -1; display: flex; justify-content: space-between;
    gap: .75rem; }
  .text, .text tbody, .text tr, .text th, .text td { display: block; }
  .text thead { position: absolute; width: 1px; height: 1px; overflow: hidden;
    clip-path: inset(50%); }
  .text tr { border-bottom: 1px solid var(--line); padding: .6rem 0; }
  .text tr > * { border: 0; padding: .1rem 0; }
  .text th { font-weight: 650; }
  .text td { display: flex; gap: .75rem; text-align: left; }
  .text td::before { content: attr(data-label); flex: 0 0 4.5rem; color: var(--soft); }
}
@media (forced-colors: active) {
  .swatch, .bar { forced-color-adjust: none; }
}
@media print {
  :root { color-scheme: light; --page: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb;
    --accent: #000; --wash: #fff; --good: #000; --good-wash: #fff; --good-line: #000; --warn: #000;
    --warn-wash: #fff; --warn-line: #000; --k0: #0b5d4e; --k1: #2f7fb0; --k2: #7a5fa6;
    --k3: #c07a2c; --k4: #7b8a84; --k5: #58a87a; --k6: #b04a4a; }
  body { padding: 0; font-size: 10pt; }
  .frame { max-width: none; }
  .card { border: 0; border-top: 1px solid #000; border-radius: 0; padding: .6rem 0;
    margin-top: 1rem; }
  header.card { border-top: 0; }
  .scroll { overflow: visible; }
  table { font-size: 8.5pt; }
  thead { display: table-header-group; }
  tr, .bars li, .verdict { break-inside: avoid; }
  h2, tbody th[scope="rowgroup"] { break-after: avoid; }
  .bar, .swatch { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  nav { display: none; }
  a { color: inherit; text-decoration: none; }
}
"""
