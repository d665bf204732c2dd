/** The style of the pages for a tenant's people. Its colours come before it, from brand.ts. */
export const pageStyle = `:root {
  --ground: #f4f6fa; --card: #ffffff; --text: #17202e; --quiet: #4d5769; --line: #8a94a6; --link: #1a4fb0; --bad: #a81c1c; --bad-faint: #fce6e6;
  color-scheme: light dark;
}
@media (prefers-color-scheme: dark) {
  :root { --ground: #0e131c; --card: #171e2a; --text: #e6ebf4; --quiet: #b3bdcd; --line: #6d7a90; --link: #9fc1ff; --bad: #ff9d9d; --bad-faint: #401a1c; }
}
* { box-sizing: border-box; }
html { background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", sans-serif; }
body { margin: 0; }
header { background: var(--banner); color: var(--on-banner); padding: 1rem 0; }
header p { display: flex; align-items: center; gap: 0.8rem; max-width: 60rem; margin: 0 auto; padding: 0 1rem; font-weight: 600; font-size: 1.15rem; overflow-wrap: anywhere; }
header img { max-height: 3rem; max-width: 10rem; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 0.8rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 0 0 0.6rem; }
p { margin: 0 0 0.8rem; overflow-wrap: anywhere; }
a { color: var(--link); }
.lead { font-size: 1.1rem; }
.quiet { color: var(--quiet); font-size: 0.93rem; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem; align-items: start; }
section { background: var(--card); border-radius: 12px; padding: 1.2rem; margin: 0 0 1rem; }
.columns section { margin: 0; }
label { display: block; font-weight: 600; margin: 0 0 0.3rem; }
input { width: 100%; font: inherit; color: inherit; background: transparent; border: 1px solid var(--line); border-radius: 8px; padding: 0.6rem 0.7rem; }
.field { margin: 0 0 1rem; }
.field .quiet { margin: 0.3rem 0 0; }
button, .button { display: inline-block; font: inherit; font-weight: 600; background: var(--brand); color: var(--on-brand); border: 1px solid var(--line); border-radius: 8px; padding: 0.6rem 1.1rem; text-decoration: none; cursor: pointer; }
.address { font: 600 1.15rem/1.4 ui-monospace, "DejaVu Sans Mono", monospace; }
.bad { background: var(--bad-faint); color: var(--bad); border-radius: 8px; padding: 0.7rem 0.9rem; }
.qr { display: block; max-width: 100%; height: auto; border-radius: 8px; margin: 0.6rem 0; }
ul, ol { margin: 0 0 0.8rem; padding-left: 1.3rem; }
li { margin: 0 0 0.3rem; }
footer { max-width: 60rem; margin: 0 auto; padding: 0 1rem 2rem; }
footer ul { list-style: none; display: flex; gap: 1rem; padding: 0; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
`;
