/** How the page looks: readable in print, in the dark, and for those who do not see red and green apart. */
export const style = `
:root { --ink: #1d2329; --soft: #66707a; --line: #dde2e7; --paper: #fff; --alive: #9ed8b4; --suspect: #f0b429;
  --dead: #c0392b; --left: #b8c0c8; --band: #3b6fd4; --differ: #8e5bc0; --gone: #59636e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e7eb; --soft: #99a3ad; --line: #343b43; --paper: #16191d;
  --alive: #2f7d50; --suspect: #d59a12; --dead: #e5574a; --left: #59636e; --gone: #7d8792; } }
body { margin: 0 auto; padding: 24px; max-width: 1200px; color: var(--ink); background: var(--paper);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { margin: 0 0 8px; font-size: 24px; overflow-wrap: anywhere; }
h1 span { margin-left: 8px; padding: 2px 10px; border-radius: 12px; font-size: 14px; font-weight: 600; color: #fff;
  vertical-align: middle; white-space: nowrap; }
.passed { background: #1e7e45; } .failed { background: #c0392b; }
h2 { margin: 28px 0 8px; font-size: 17px; }
p { margin: 4px 0; } .meta, .legend { color: var(--soft); font-size: 13px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { padding: 4px 12px 4px 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; } td:first-child { white-space: nowrap; }
tr.bad td { color: var(--dead); font-weight: 600; }
svg { width: 100%; height: auto; font: 11px system-ui, sans-serif; } svg text { fill: var(--ink); }
svg .label { fill: var(--soft); font-size: 10px; } .tick { stroke: var(--line); }
rect.alive { fill: var(--alive); } rect.suspect { fill: var(--suspect); } rect.dead { fill: var(--dead); }
rect.left { fill: var(--left); } rect.gone { fill: var(--gone); fill-opacity: .75; }
rect.band { fill: var(--band); fill-opacity: .09; }
rect.aimed { fill: var(--band); fill-opacity: .16; stroke: var(--band); stroke-opacity: .5; }
rect.differ { fill: var(--differ); }
.key { display: inline-block; width: 12px; height: 10px; margin: 0 3px 0 10px; }
.key.alive { background: var(--alive); } .key.suspect { background: var(--suspect); }
.key.dead { background: var(--dead); } .key.left { background: var(--left); } .key.gone { background: var(--gone); }
.key.band { background: var(--band); opacity: .2; } .key.aimed { background: var(--band); opacity: .5; }
.key.differ { background: var(--differ); }
summary { cursor: pointer; color: var(--soft); }
`;
