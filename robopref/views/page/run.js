// The page of a run: shows what it is told, and hands the operator's keys on. Losing the page changes nothing.

import { ask, login } from "./login.js";
import { Stage } from "./viewer.js";

const element = (id) => document.getElementById(id);
const PATIENCE = 1500; // ms that a press or a login waits for its reply
const OLD = 2000; // ms without news after which what is shown is called old
const RAMP = [[91, 79, 176], [208, 72, 138], [255, 210, 63]]; // from the lowest score to the highest
const PLACES = [2, 3, 4, 5, 6, 7, 8, 9];
const SAID = {
  " ": "stop", t: "take over", g: "give back", y: "accept", s: "success", f: "failure", q: "quit", r: "reset",
};
for (const place of PLACES) SAID[place] = `correct to number ${place}`;

const stage = new Stage();
let source = null;
let heard = 0; // when the page was last told something
let over = false;
let news = null; // the last state
let meant = null; // by what plans are to be made from now on; null once they are
let wanted = null; // for whom plans are to be made from now on; null once they are
let drawn = { plan: null, shown: [] }; // which plan the picture shows, and which of its candidates

function say(text, warning = false) {
  element("notice").textContent = text || "\u00a0";
  element("notice").classList.toggle("warning", warning);
}

function make(tag, text, name = "") {
  return Object.assign(document.createElement(tag), { textContent: text, className: name });
}

const number = (value, digits) => (value === null ? "?" : value.toFixed(digits));

// Fills a list of elements, and keeps those that are there.
function fill(parent, texts, write, create) {
  while (parent.children.length > texts.length) parent.lastElementChild.remove();
  texts.forEach((text, at) => write(parent.children[at] ?? parent.appendChild(create()), text));
}

function showRows(parent, rows) {
  fill(parent, rows, (row, cells) => fill(row, cells, (cell, text) => { if (cell.textContent !== text) cell.textContent = text; },
    () => make("td", "")), () => make("tr", ""));
}

// What is decided about a plan can be pressed while the page is asked, by buttons of candidates that exist.
function showDecision({ plan, asking, state }) {
  const places = plan?.places ?? 0, able = state === "running";
  element("accept").disabled = !(able && asking);
  element("decision").classList.toggle("asking", able && asking);
  element("places").hidden = places < 2;
  for (const button of element("places").querySelectorAll("button")) {
    button.hidden = Number(button.dataset.key) > places;
    button.disabled = !able;
  }
  for (const key of "tgsfq") {
    const button = document.querySelector(`#buttons [data-key=${key}]`);
    button.disabled = !able && !(state === "armed");
  }
}

// How to go on after a halt.
function showAfter({ state, cause, recovery }, again = "") {
  element("after").hidden = state !== "halted";
  element("after-buttons").hidden = !recovery;
  element("after-again").hidden = !again;
  element("again").textContent = again;
  element("after-text").textContent = `Why: ${cause}. Look at the robot and at what is around it, and put right what was wrong. ${recovery
    ? "A reset clears the halt and moves nothing. A real robot then waits until somebody arms it in the terminal; a simulated one begins the episode anew."
    : again ? "The command has ended, and the robot stays as it is." : "The run is ending."}`;
}

// For whom plans are made; a choice that was just made stays until the run has taken it up.
function showPerson({ persons, person, state }) {
  const list = element("person");
  element("served").hidden = persons.length < 2;
  fill(list, persons, (option, name) => { if (option.value !== name) [option.value, option.textContent] = [name, name]; }, () => make("option", ""));
  list.disabled = over || state === "halted";
  if (person === wanted) wanted = null;
  if (person !== null && wanted === null && document.activeElement !== list) list.value = person;
}

// By what plans are made; what is being typed stays.
function showPrinciple({ principles, principle, state }) {
  const box = element("principle");
  element("judged").hidden = principles === null;
  if (principles === null) return;
  fill(element("principles"), principles, (option, text) => { if (option.value !== text) option.value = text; }, () => make("option", ""));
  box.disabled = over || state === "halted";
  if (principle === meant) meant = null;
  if (meant === null && document.activeElement !== box && box.value !== principle) box.value = principle;
}

function showState(state) {
  const { plan } = state;
  news = state;
  showPerson(state);
  showPrinciple(state);
  showDecision(state);
  showAfter(state);
  element("robot").textContent = state.robot;
  element("state").textContent = state.state;
  element("state").dataset.state = state.state;
  document.title = `${state.state}: ${state.robot}`;
  const why = state.asking ? "waits for you: accept, or correct" : state.paused;
  element("cause").textContent = state.cause || why || (state.state === "disarmed" ? state.ended : "");
  const rows = [
    ["episode", state.episode], ["rate", state.rate === null ? "–" : `${state.rate.toFixed(1)} Hz`],
    ["commands", state.commands], ["clamped, refused", `${state.clamped}, ${state.refused}`],
    ["missed deadlines", `${state.missed} of ${state.ticks}`], ["dropped plans", state.dropped],
    ["score, margin", plan ? `${number(plan.score, 3)}, ${number(plan.margin, 3)}` : "–"],
  ];
  fill(element("figures"), rows.flat().map(String), (cell, text) => { if (cell.textContent !== text) cell.textContent = text; },
    () => make(element("figures").children.length % 2 ? "dd" : "dt", ""));
  element("choice").textContent = plan ? `candidate ${plan.index} of ${plan.candidates}, ${plan.refused} refused` : "";
  showRows(element("stages"), state.stages.map(([name, median, late]) => [name, `${median.toFixed(1)} ms`, `${late.toFixed(1)} ms`]));
  fill(element("events"), [...state.events].reverse(), (row, [kind, cause]) => {
    row.className = /halt|fail|refused|stop|late/.test(kind) ? "bad" : "";
    [row.firstChild.textContent, row.lastChild.textContent] = [kind, cause ? ` ${cause}` : ""];
  }, () => {
    const row = make("li", "");
    row.append(make("b", ""), make("span", ""));
    return row;
  });
  Object.assign(document.body.dataset, { state: state.state, asking: state.asking, recovery: state.recovery });
}

function colorOf(score, low, high) {
  const at = 2 * (high > low ? (score - low) / (high - low) : 1), from = Math.min(1, Math.floor(at));
  const mixed = [0, 1, 2].map((i) => Math.round(RAMP[from][i] + (at - from) * (RAMP[from + 1][i] - RAMP[from][i])));
  return `rgb(${mixed.join(" ")})`;
}

function showScene(scene) {
  const bytes = Uint8Array.from(atob(scene.cloud), (letter) => letter.charCodeAt(0));
  const known = scene.scores.filter((score) => score !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const others = scene.paths.map((path, index) => ({ path, score: scene.scores[index], index }))
    .filter(({ score, index }) => index !== scene.index && (score !== null || !known.length))
    .sort((a, b) => a.score - b.score)
    .map(({ path, score, index }) => {
      const place = scene.ranked.indexOf(index) + 1;
      return { path, color: known.length ? colorOf(score, low, high) : "#8b95a1", word: PLACES.includes(place) ? String(place) : "", index };
    });
  drawn = { plan: scene.index === null ? null : scene.number, shown: others.map(({ index }) => index) };
  if (scene.index !== null) drawn.shown.push(scene.index);
  element("nothing").hidden = true;
  element("legend").hidden = !known.length;
  if (known.length) [element("lowest").textContent, element("highest").textContent] = [number(low, 3), number(high, 3)];
  const { center, radius, labels } = scene;
  const path = scene.index === null ? [] : scene.paths[scene.index];
  stage.replace(element("scene"), {
    points: new Float32Array(bytes.buffer), path, others, labels: scene.index === null ? [] : labels, center, radius,
  });
  document.body.dataset.drawn = others.length + 1;
}

function listen() {
  source?.close();
  source = new EventSource("api/run");
  const on = (kind, show) => source.addEventListener(kind, (event) => { heard = performance.now(); show(JSON.parse(event.data)); });
  on("state", showState);
  on("scene", showScene);
  on("end", ({ again }) => {
    over = true;
    source.close();
    say("The command has ended. What you see is the end of it.");
    if (news) showAfter({ ...news, recovery: false }, again);
    document.body.dataset.over = "true";
    for (const button of document.querySelectorAll("button[data-key]")) button.disabled = true;
  });
  source.addEventListener("error", async () => {
    if (over || source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    const reply = await fetch("api/run").catch(() => null); // says why
    if (reply?.status === 401) return ask();
    if (reply?.ok) reply.body.cancel();
    else if (reply) say(`Not shown: ${(await reply.json().catch(() => ({}))).error ?? reply.status}.`, true);
    setTimeout(() => { if (!over) listen(); }, 1000);
  });
}

async function send(path, body) {
  return fetch(path, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE),
  });
}

async function press(key) {
  if (over) return;
  if (PLACES.includes(Number(key)) && Number(key) > (news?.plan?.places ?? 0)) {
    say(`Not told: there is no candidate number ${key}.`, true);
    return;
  }
  const body = { key, ...drawn };
  // A stop is worth trying again; it is never too late to rest.
  for (let left = key === " " ? 3 : 1; left > 0; left -= 1) {
    try {
      const reply = await send("api/press", body);
      if (reply.status === 401) return ask();
      const { told, error } = await reply.json();
      return say(told ? `Told the run: ${SAID[key]}.` : `Not told: ${error ?? "the robot is neither armed nor running"}.`, !told);
    } catch { /* no reply */ }
  }
  say(key === " " ? "THE STOP WAS NOT DELIVERED. Use the robot's emergency stop." : `Not delivered: ${SAID[key]}.`, true);
}

async function serve(name) {
  wanted = name;
  try {
    const reply = await send("api/person", { name });
    if (reply.status === 401) return ask();
    if (reply.ok) return say(`The next plan is made for ${name}.`);
    say(`Not told: ${(await reply.json().catch(() => ({}))).error ?? reply.status}.`, true);
  } catch { say(`Not delivered: plans for ${name}.`, true); }
  wanted = null;
}

async function judge(text) {
  meant = text.trim().replace(/\s+/g, " ");
  try {
    const reply = await send("api/principle", { text: meant });
    if (reply.status === 401) return ask();
    if (reply.ok) return say(`The next plan is made by ${meant ? `“${meant}”` : "the mean of all principles"}.`);
    say(`Not told: ${(await reply.json().catch(() => ({}))).error ?? reply.status}.`, true);
  } catch { say("Not delivered: the principle.", true); }
  meant = null;
}

element("principle").addEventListener("change", ({ target }) => { judge(target.value); target.blur(); });
element("person").addEventListener("change", ({ target }) => { serve(target.value); target.blur(); });
for (const place of PLACES) {
  const button = make("button", String(place));
  [button.type, button.dataset.key] = ["button", String(place)];
  element("places").append(button);
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-key]");
  if (button) press(button.dataset.key);
  // A button that was clicked does not keep the focus, or Enter would press it again.
  if (button && event.detail > 0) button.blur();
});
// Space stops, whatever has the focus.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || !(event.key in SAID) || event.target.matches("input")) return;
  event.preventDefault();
  if (!event.repeat) press(event.key);
}, true);
document.addEventListener("keyup", (event) => { if (event.key === " " && !event.target.matches("input")) event.preventDefault(); }, true);
setInterval(() => {
  const old = !over && performance.now() - heard > OLD;
  element("scene").classList.toggle("old", old);
  if (!old) return;
  element("state").textContent = "no news";
  element("state").dataset.state = document.body.dataset.state = "lost";
  element("cause").textContent = "what you see is old; the run goes on without this page";
}, 500);

await login(listen, "The run does not answer.", PATIENCE);
