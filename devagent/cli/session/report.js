"use strict";
// The timeline. Its entries lie in <script type="application/json"> blocks, one JSON object a line, and only
// those of the page that is shown are parsed and drawn. Text is only ever set as text, never as markup.

const PAGE = 100;
const STATUS = {
  a: ["allowed", "good"], y: ["approved", "good"], n: ["declined", "bad"], w: ["nobody to ask", "bad"],
  d: ["denied", "bad"], r: ["not judged", "bad"], o: ["open", "ask"], j: ["dry run", "ask"],
};
const KINDS = {
  s: "session", l: "policy", x: "extension", p: "prompt", m: "reply", f: "failure", t: "turn", v: "review", g: "log", u: "other",
};
// What each choice shows: a pattern over an entry's letter, and one over its flags.
const CHOICES = {
  all: [/./, null], talk: [/[pm]/, null], calls: [/[aynwdro]/i, null], asked: [/[ynwo]/i, null],
  held: [/[nwdr]/i, null], ran: [/[ay]/i, null], failed: [/[fAY]/, null], rest: [/[slxtvgu]/, null],
  diffs: [/./, /[1357]/], hidden: [/./, /[2367]/], withheld: [/./, /[4567]/],
};

const blocks = Array.from(document.querySelectorAll("script[data-kinds]"), (element) => ({
  element, kinds: element.dataset.kinds, flags: element.dataset.flags,
}));
const list = document.getElementById("entries");
const query = document.getElementById("query");
const choice = document.getElementById("choice");
const found = document.getElementById("found");
const pagers = document.querySelectorAll(".pager");
let matches = [];
let page = 0;

const linesOf = (block) => block.element.textContent.trim().split("\n");

function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

function says(value, wanted) {
  if (typeof value === "string") return value.toLowerCase().includes(wanted);
  if (value && typeof value === "object") return Object.values(value).some((one) => says(one, wanted));
  return false;
}

/* Whether an entry's text has the words, or its number is meant; the words of the page itself do not count. */
function hits(line, wanted) {
  const { seq, kind, type, ...rest } = JSON.parse(line);
  return String(seq) === wanted || says(rest, wanted);
}

/* The words as they stand inside a block, where <, > and & are escaped as well. */
function inBlock(words) {
  const escaped = JSON.stringify(words).slice(1, -1);
  return escaped.replace(/[<>&]/g, (c) => "\\u00" + c.charCodeAt(0).toString(16)).toLowerCase();
}

function select() {
  const [kinds, flags] = CHOICES[choice.value];
  const wanted = query.value.trim().toLowerCase();
  const raw = wanted && inBlock(wanted);
  matches = [];
  blocks.forEach((block, b) => {
    if (raw && !block.element.textContent.toLowerCase().includes(raw)) return;
    const lines = raw ? linesOf(block) : null;
    for (let i = 0; i < block.kinds.length; i += 1) {
      if (!kinds.test(block.kinds[i]) || (flags && !flags.test(block.flags[i]))) continue;
      if (raw && !(lines[i].toLowerCase().includes(raw) && hits(lines[i], wanted))) continue;
      matches.push([b, i]);
    }
  });
}

function draw() {
  const pages = Math.max(1, Math.ceil(matches.length / PAGE));
  page = Math.min(Math.max(page, 0), pages - 1);
  const shown = matches.slice(page * PAGE, (page + 1) * PAGE);
  const cache = new Map();
  list.replaceChildren(...shown.map(([b, i]) => {
    if (!cache.has(b)) cache.set(b, linesOf(blocks[b]));
    return drawEntry(JSON.parse(cache.get(b)[i]), blocks[b].kinds[i]);
  }));
  const total = blocks.reduce((sum, block) => sum + block.kinds.length, 0);
  found.textContent = matches.length === total
    ? `${total.toLocaleString("en")} entries`
    : `${matches.length.toLocaleString("en")} of ${total.toLocaleString("en")} entries`;
  pagers.forEach((pager) => {
    pager.querySelector(".where").textContent = `page ${page + 1} of ${pages}`;
    pager.querySelector(".before").disabled = page === 0;
    pager.querySelector(".after").disabled = page >= pages - 1;
  });
}

function marked(element, text) {
  const wanted = query.value.trim().toLowerCase();
  const lower = text.toLowerCase();
  let end = 0;
  if (wanted && lower.length === text.length) {
    for (let at = lower.indexOf(wanted), n = 0; at >= 0 && n < 500; at = lower.indexOf(wanted, end), n += 1) {
      element.append(text.slice(end, at), make("mark", "", text.slice(at, at + wanted.length)));
      end = at + wanted.length;
    }
  }
  element.append(text.slice(end));
  return element;
}

function drawEntry(entry, letter) {
  const details = make("details", "entry " + entry.kind);
  details.id = "e" + entry.seq;
  const summary = make("summary");
  const call = entry.call;
  const what = make("span", "what");
  if (call) {
    const [word, look] = STATUS[letter.toLowerCase()];
    what.append(make("span", `badge ${look}-badge`, word));
  } else {
    what.textContent = KINDS[letter];
  }
  summary.append(
    make("span", "number", String(entry.seq)),
    make("span", "quiet", new Date(entry.ts / 1000).toISOString().slice(11, 19)),
    what,
    marked(make("span", "line"), headline(entry)),
  );
  details.append(summary);
  details.addEventListener("toggle", () => {
    if (details.open && details.childElementCount === 1) details.append(drawBody(entry));
  });
  return details;
}

function headline(entry) {
  const call = entry.call;
  if (!call) return (entry.title || entry.text || "(no text)").slice(0, 300);
  const touched = (call.resources || []).map((one) => one.id).join(", ");
  const failed = call.outcome && call.outcome !== "ok" ? ` · ${call.outcome}` : "";
  const extra = [call.diff ? " · diff" : "", call.withheld ? " · result withheld" : ""].join("");
  return `${call.tool}  ${touched || (call.args || []).map((pair) => pair.join("=")).join("  ")}`.slice(0, 300) + failed + extra;
}

function row(rows, name, value) {
  if (value === undefined || value === "" || value === null) return;
  const dd = make("dd");
  if (value instanceof Node) dd.append(value); else marked(dd, String(value));
  rows.append(make("dt", "", name), dd);
}

function items(values) {
  const ul = make("ul");
  values.forEach((value) => ul.append(marked(make("li"), value)));
  return values.length ? ul : "";
}

function block(parent, name, text, diff) {
  if (!text) return;
  parent.append(make("h3", "", name));
  const pre = make("pre");
  pre.tabIndex = 0;
  if (diff) {
    text.split("\n").forEach((line) => {
      const look = /^\+/.test(line) ? "add" : /^-/.test(line) ? "del" : /^@@/.test(line) ? "hunk" : "";
      pre.append(marked(make("span", look), line), "\n");
    });
  } else {
    marked(pre, text);
  }
  parent.append(pre);
}

const place = (rule) => rule.file ? ` (${rule.file}${rule.line ? ":" + rule.line : ""})` : "";
const seconds = (us) => us < 1e6 ? `${Math.round(us / 1000)} ms` : `${(us / 1e6).toFixed(1)} s`;

function drawBody(entry) {
  const body = make("div", "body");
  const rows = make("dl");
  const iso = new Date(entry.ts / 1000).toISOString();
  row(rows, "When", `${iso.slice(0, 10)} ${iso.slice(11, 23)} UTC`);
  row(rows, "Event", `${entry.seq} ${entry.type}${entry.turn ? `, turn ${entry.turn}` : ""}`);
  row(rows, "Content", entry.gone && `is ${entry.gone}`);
  row(rows, "Model", entry.model);
  if (entry.usage) {
    const u = entry.usage;
    row(rows, "Tokens", `${u.input || 0} in, ${u.cache_read || 0} cached, ${u.cache_write || 0} to cache, ${u.output || 0} out`);
  }
  if (entry.cost) row(rows, "Cost", `$${(entry.cost.usd_micros / 1e6).toFixed(6)} (prices ${entry.cost.prices.slice(0, 12)})`);
  row(rows, "Hidden", entry.hidden && `${entry.hidden} characters that no screen shows stand here as ⟦U+…⟧`);
  row(rows, "Redacted", entry.redacted && `${entry.redacted} values, before this was recorded`);
  row(rows, "Left out", entry.cut && `${entry.cut.toLocaleString("en")} characters; the log has them`);
  body.append(rows);
  if (entry.call) drawCall(body, rows, entry.call);
  else {
    if (entry.title && entry.text) body.append(marked(make("p"), entry.title));
    block(body, "Text", entry.text);
    block(body, "Thinking", entry.thinking);
  }
  return body;
}

function drawCall(body, rows, call) {
  row(rows, "Who", call.who && call.who + (call.agent ? `, agent ${call.agent}` : ""));
  row(rows, "On behalf of", call.on_behalf_of);
  row(rows, "Tool", call.tool + (call.class ? ` (${call.class})` : ""));
  row(rows, "Extension", call.extension && `${call.extension} ${call.digest || ""}`);
  row(rows, "Call", call.id);
  row(rows, "Touches", items((call.resources || []).map((one) =>
    `${one.access} ${one.id}${(one.tags || []).map((tag) => ` tag:${tag}`).join("")}`)));
  row(rows, "Decision", call.effect && `${call.effect}: ${call.reason}${call.judged ? ` (event ${call.judged})` : ""}`);
  row(rows, "Rules", items((call.determining || []).map((rule) =>
    `${rule.effect} ${rule.rule}${place(rule)}${rule.why ? `: ${rule.why}` : ""}${rule.resource ? ` [${rule.resource}]` : ""}`)));
  const named = new Set((call.determining || []).map((rule) => rule.rule));
  row(rows, "Matched too", items((call.rules || []).filter((rule) => !named.has(rule))));
  row(rows, "Obligations", call.obligations);
  row(rows, "Not judged", call.error);
  row(rows, "Nearest", items(call.nearest || []));
  row(rows, "To be granted", call.grant);
  row(rows, "Shadow rules", call.shadow);
  row(rows, "Taint", (call.taint || []).join(", "));
  row(rows, "Policy", call.policy);
  const approval = call.approval;
  if (approval && approval.answer) {
    const how = approval.method === "unattended" ? "nobody was there to ask" : `${approval.method}, scope ${approval.scope}`;
    row(rows, "Answer", `${approval.answer}${approval.by ? ` by ${approval.by}` : ""} (${how}) after ${seconds(approval.latency_us)}${approval.seq ? ` (event ${approval.seq})` : ""}`);
    row(rows, "Approval", approval.approval_id);
    row(rows, "Comment", approval.comment);
    row(rows, "Shown text", approval.matches === false ? "NOT the text whose digest the answer bears"
      : approval.redacted ? "redacted, so it cannot be compared with the digest that the answer bears" : "");
  }
  const ran = call.outcome || (call.started ? "started, no end recorded" : "not run");
  row(rows, "Outcome", ran + (call.err ? ` (${call.err})` : "") + (call.finished ? ` (event ${call.finished})` : ""));
  row(rows, "Result withheld", call.withheld);
  if (call.outcome) row(rows, "Size", `${(call.bytes || 0).toLocaleString("en")} bytes, ${call.rows || 0} rows, ${seconds(call.dur_us || 0)}`);
  (call.args || []).forEach(([name, value]) => block(body, `Argument ${name}`, value));
  if (approval) block(body, "What the person was shown", approval.shown);
  block(body, "Result, as the model read it", call.result, call.diff && !call.view);
  block(body, "Result, as the person saw it", call.view, call.diff);
  block(body, "Data", call.structured);
}

function again() { page = 0; select(); draw(); }

function goTo(hash) {
  const wanted = /^#e(\d+)$/.exec(hash);
  if (!wanted) return;
  const start = `{"seq":${wanted[1]},`;
  query.value = "";
  choice.value = "all";
  select();
  const at = matches.findIndex(([b, i]) =>
    blocks[b].element.textContent.includes("\n" + start) && linesOf(blocks[b])[i].startsWith(start));
  if (at < 0) return;
  page = Math.floor(at / PAGE);
  draw();
  const entry = document.getElementById("e" + wanted[1]);
  entry.open = true;
  entry.querySelector("summary").focus({ preventScroll: true });
  entry.scrollIntoView({ block: "start" });
}

let waiting = 0;
query.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(again, 200); });
choice.addEventListener("change", again);
document.getElementById("open-all").addEventListener("click", (event) => {
  const open = event.currentTarget.getAttribute("aria-pressed") !== "true";
  event.currentTarget.setAttribute("aria-pressed", String(open));
  list.querySelectorAll("details").forEach((one) => { one.open = open; });
});
pagers.forEach((pager) => {
  pager.querySelector(".before").addEventListener("click", () => { page -= 1; draw(); });
  pager.querySelector(".after").addEventListener("click", () => { page += 1; draw(); });
});
window.addEventListener("hashchange", () => goTo(location.hash));
document.addEventListener("click", (event) => {
  const link = event.target.closest && event.target.closest('a[href^="#e"]');
  if (link && link.hash === location.hash) goTo(link.hash);  // the same one again: no hashchange
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.ctrlKey && !event.metaKey && !/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) {
    event.preventDefault();
    query.focus();
  }
});
document.getElementById("timeline").hidden = false;
again();
// Once the browser has looked for the fragment itself, which would take the focus away again.
window.addEventListener("load", () => setTimeout(() => goTo(location.hash), 0));
