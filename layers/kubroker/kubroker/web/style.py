"""The pages' one style sheet; its hash stands in their Content-Security-Policy.

Text and its ground keep a contrast of at least 4.5 in light and dark; what has to be hit with a
finger is at least 44 pixels high.
"""

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f2f4f2; --card: #ffffff; --ink: #14201c; --soft: #50605a; --line: #dde3df;
  --accent: #0b5d4e; --accent-strong: #084a3e; --on-accent: #ffffff; --wash: #eaf3ef;
  --warn: #7a4a00; --warn-wash: #fff8ea; --warn-line: #e9d2a1;
  --bad: #9c1f1f; --bad-wash: #fcedec;
  --shadow: 0 1px 2px rgb(20 32 28 / 6%), 0 12px 32px rgb(20 32 28 / 7%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0d1311; --card: #161e1b; --ink: #e8efeb; --soft: #a5b3ad; --line: #2c3833;
    --accent: #66d3b6; --accent-strong: #8be0c9; --on-accent: #06231b; --wash: #1a2e28;
    --warn: #f2c879; --warn-wash: #262013; --warn-line: #554522;
    --bad: #ffa49e; --bad-wash: #331c1b;
    --shadow: 0 0 0 1px rgb(255 255 255 / 4%);
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; min-height: 100vh; background: var(--page); color: var(--ink);
  font: 400 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial,
    "Noto Sans", sans-serif;
  overflow-wrap: anywhere; padding: 2.5rem 1rem 3rem;
}
.frame { max-width: 35rem; margin: 0 auto; }
h1, h2, p, ul, ol, dl, dd, fieldset { margin: 0; padding: 0; }
ul, ol { list-style: none; }
h1 { font-size: 1.625rem; line-height: 1.22; font-weight: 650; letter-spacing: -.012em;
  text-wrap: balance; }
h2, legend { font-size: 1rem; line-height: 1.35; font-weight: 650; }
a { color: var(--accent); text-underline-offset: .15em; }
a:hover { color: var(--accent-strong); }
.soft { color: var(--soft); }
.small { font-size: .875rem; line-height: 1.5; }
.icon { width: 1.25rem; height: 1.25rem; flex: none; fill: none; stroke: currentcolor;
  stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round; }

.brand { display: flex; align-items: center; gap: .75rem; margin: 0 .25rem 1.25rem;
  min-height: 2.5rem; }
.brand .name { font-weight: 600; min-width: 0; }
.tile { flex: none; display: grid; place-items: center; width: 2.5rem; height: 2.5rem;
  border-radius: .7rem; background: var(--accent); color: var(--on-accent);
  font-weight: 700; font-size: 1.125rem; }
.logo { flex: none; height: 2.5rem; max-width: 9rem; padding: .3rem .45rem; border-radius: .7rem;
  background: #ffffff; border: 1px solid var(--line); object-fit: contain; }

.card { background: var(--card); border-radius: 1.25rem; box-shadow: var(--shadow);
  padding: 2rem; }
.card > * + *, form > * + * { margin-top: 1.75rem; }
.card > h1 + *, .lead { margin-top: .6rem; }

.account { display: flex; gap: .75rem; align-items: flex-start; padding: .9rem 1rem;
  border-radius: .9rem; background: var(--wash); }
.account .icon { margin-top: .15rem; color: var(--accent); }
.account strong { display: block; font-weight: 650; }

fieldset { border: 0; min-width: 0; }
legend { padding: 0; display: block; width: 100%; }
legend + .soft, .next h2 + .soft { margin-top: .2rem; }
.rows { margin-top: .75rem; border-top: 1px solid var(--line); }
.row { position: relative; display: flex; gap: .9rem; align-items: flex-start;
  padding: .9rem .5rem; border-bottom: 1px solid var(--line); }
.row > .icon { margin-top: .12rem; color: var(--soft); }
.row .what { flex: 1; min-width: 0; }
.row .title { display: flex; flex-wrap: wrap; gap: .1rem .6rem; align-items: baseline;
  font-weight: 600; }
.row label::before { content: ""; position: absolute; inset: 0; border-radius: .6rem; }
.row label { cursor: pointer; }
.row:has(input):hover { background: var(--wash); }
.row:has(input:checked) > .icon, .row.fixed > .icon { color: var(--accent); }
.row:has(input:focus-visible) label::before { outline: 3px solid var(--accent);
  outline-offset: -1px; }
.row .soft { font-size: .9375rem; line-height: 1.45; }
.row input { flex: none; position: relative; width: 1.375rem; height: 1.375rem;
  margin: .06rem 0 0; accent-color: var(--accent); cursor: pointer; }
.row input:focus-visible { outline: none; }
.row .granted { flex: none; display: grid; place-items: center; width: 1.375rem;
  height: 1.375rem; margin-top: .06rem; border-radius: .3rem; background: var(--wash);
  color: var(--accent); }
.row .granted .icon { width: 1rem; height: 1rem; stroke-width: 2.6; }
.badge { font-size: .78125rem; font-weight: 600; color: var(--accent); }

.apart { border: 1px solid var(--warn-line); background: var(--warn-wash);
  border-radius: 1rem; padding: 1.1rem 1.15rem .9rem; }
.apart legend { float: left; color: var(--warn); display: flex; gap: .6rem;
  align-items: center; }
.apart legend + * { clear: both; padding-top: .35rem; }
.apart .facts { margin-top: .75rem; }
.apart .facts > div { display: block; }
.apart .facts + .small { margin-top: .75rem; }
.apart .rows { border-top: 0; margin: .9rem 0 -.35rem; }
.apart .row { border-bottom: 0; border-top: 1px solid var(--warn-line); padding: .75rem 0; }
.apart .row .soft { color: inherit; }
.apart .row:has(input):hover { background: transparent; }
@supports selector(:has(a)) {
  .apart:not(:has(input[value="WITHDRAWAL"]:checked)) .addressbook { display: none; }
}

.cannot { margin-top: .6rem; display: grid; gap: .45rem; }
.cannot li, .steps li { display: flex; gap: .65rem; }
.cannot .icon { margin-top: .15rem; width: 1.125rem; height: 1.125rem; color: var(--soft); }

.actions { display: flex; flex-wrap: wrap; gap: .75rem; align-items: center; }
.actions > form { flex: 1 1 12rem; display: flex; }
.actions > form > * { margin-top: 0; }
.note .actions { margin-top: .9rem; }
.button { flex: 1 1 12rem; display: inline-flex; align-items: center; justify-content: center;
  min-height: 3rem; padding: .65rem 1.25rem; border: 1px solid transparent;
  border-radius: .8rem; font: inherit; font-weight: 600; text-align: center;
  text-decoration: none; cursor: pointer; background: var(--accent); color: var(--on-accent); }
.button:hover { background: var(--accent-strong); color: var(--on-accent); }
.button.quiet { background: transparent; color: var(--ink); border-color: var(--soft); }
.button.quiet:hover { background: var(--wash); color: var(--ink); }
a:focus-visible, .button:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px;
  border-radius: .8rem; }

.sign { display: grid; place-items: center; width: 3.25rem; height: 3.25rem;
  border-radius: 50%; background: var(--wash); color: var(--accent); }
.sign .icon { width: 1.625rem; height: 1.625rem; }
.sign.warn { background: var(--warn-wash); color: var(--warn); }
.sign.bad { background: var(--bad-wash); color: var(--bad); }
.sign + h1 { margin-top: 1.1rem; }
.next { border-top: 1px solid var(--line); padding-top: 1.5rem; }
.steps { margin-top: .6rem; display: grid; gap: .6rem; counter-reset: step; }
.steps li { counter-increment: step; }
.steps li::before { content: counter(step); flex: none; display: grid; place-items: center;
  width: 1.5rem; height: 1.5rem; border-radius: 50%; background: var(--wash);
  color: var(--accent); font-size: .8125rem; font-weight: 700; }
.steps.single li::before { content: none; }
.note { border-radius: .9rem; padding: .9rem 1rem; background: var(--warn-wash);
  border: 1px solid var(--warn-line); }
.note h2 { color: var(--warn); }
.note h2 + p { margin-top: .2rem; }
.facts { display: grid; gap: .5rem; }
.facts > div { display: flex; flex-wrap: wrap; gap: 0 .6rem; justify-content: space-between; }
.facts dt { color: var(--soft); }
.facts dd { font-weight: 600; }
code { font: 600 .9375em/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono",
  monospace; }

.payment { padding: 1rem 1.1rem; border-radius: .9rem; background: var(--wash); }
.payment dd { text-align: right; }
.payment .strong dd { font-weight: 700; }
.payment .total { border-top: 1px solid var(--line); padding-top: .5rem; }
.payment .long { display: block; }
.payment .long dd { text-align: left; }
.note.problem { display: flex; gap: .65rem; background: var(--bad-wash); border-color: var(--bad);
  color: var(--bad); font-weight: 600; }
.note.problem .icon { margin-top: .15rem; }
.forms { display: grid; gap: 1.75rem; }
.field { margin-top: .9rem; }
.field label { font-weight: 600; }
.field input { display: block; width: 100%; max-width: 16rem; min-height: 3rem; margin-top: .4rem;
  padding: .5rem .9rem; border: 1px solid var(--soft); border-radius: .8rem;
  background: var(--card); color: var(--ink); font: inherit; font-size: 1.25rem;
  letter-spacing: .12em; font-variant-numeric: tabular-nums; }
.field input:focus-visible { outline: 3px solid var(--accent); outline-offset: 1px; }
.field input[aria-invalid] { border-color: var(--bad); }

.spinner { width: 3.25rem; height: 3.25rem; border-radius: 50%;
  border: 4px solid var(--line); border-top-color: var(--accent);
  animation: turn 1s linear infinite; }
.spinner + h1 { margin-top: 1.1rem; }
@keyframes turn { to { transform: rotate(1turn); } }

.foot { margin: 1.25rem .25rem 0; display: flex; gap: .6rem; color: var(--soft);
  font-size: .8125rem; line-height: 1.5; }
.foot .icon { width: 1.125rem; height: 1.125rem; }

@media (max-width: 30rem) {
  body { padding: 1.25rem .75rem 2rem; }
  .card { padding: 1.5rem 1.15rem; border-radius: 1.1rem; }
  h1 { font-size: 1.4375rem; }
  .row { padding-left: .25rem; padding-right: .25rem; gap: .75rem; }
  .button { flex-basis: 100%; }
}
@media (prefers-reduced-motion: reduce) {
  .spinner { animation-duration: 6s; animation-timing-function: steps(12); }
}
@media (forced-colors: active) {
  .card, .tile, .sign, .button { border: 1px solid; }
}
"""
