// The labelling page: shows one question after another, and sends what is answered.

import { Keys } from "./keys.js";
import { Panels } from "./panels.js";
import { formOf } from "./questions.js";
import { signsOf } from "./signs.js";
import { newId, Refused, Server } from "./server.js";
import { Stage } from "./viewer.js";

const element = (id) => document.getElementById(id);
const ABSTENTIONS = {
  "cannot-tell": ["cannot tell", "can't tell"], skip: ["skipped", "skipped"], flag: ["bad episode", "flagged as a bad episode"],
};

let state = null; // what the server said last
let form = null; // how the present question is answered
let began = 0; // when the question appeared, ms
const durations = [];

const server = new Server((trouble) => {
  if (trouble) say(`Not saved yet: ${trouble}. Trying again …`, true);
});

// What the page is doing, stated where scripts and styles see it: loading, login, asking, sending, finished, refused.
function enter(doing) {
  document.body.dataset.state = doing;
}

// Whether something can be done now.
const ready = () => ["asking", "finished"].includes(document.body.dataset.state);
const panels = new Panels(new Stage());
panels.onView = showSigns;
const keys = new Keys(act, offers);

function say(text, warning = false) {
  element("notice").textContent = text || "\u00a0";
  element("notice").classList.toggle("warning", warning);
}

const median = () => [...durations].sort((a, b) => a - b)[Math.floor(durations.length / 2)];

function showProgress({ wanted, done, by_labeler: people }) {
  const left = Math.max(0, wanted - done);
  element("bar").style.width = `${wanted ? (100 * done) / wanted : 0}%`;
  for (const [name, value] of [["valuemax", wanted], ["valuenow", done], ["valuetext", `${done} of ${wanted} answers`]]) {
    element("progress").setAttribute(`aria-${name}`, value);
  }
  const typical = median(), time = typical ? Math.ceil((left * typical) / 60) : 0;
  element("count").textContent = `${done} of ${wanted} answers given, ${left} to go${time ? `, about ${time} min` : ""}`;
  const counts = Object.entries(people).map(([name, count]) => `${name} ${count}`);
  element("people").textContent = counts.length ? `Answers by ${counts.join(", ")}` : "";
  element("people").title = element("people").textContent;
}

function showSigns() {
  const { question } = state;
  element("signs").replaceChildren(...(question ? signsOf(question, panels.shown, panels.both) : []));
}

// Whether a question shows nothing that could be broken.
const isBare = () => state?.question?.items.length === 0;

// What is said to who has answered all there is.
function ending({ wanted, done }) {
  const left = Math.max(0, wanted - done), many = left === 1 ? "answer is" : "answers are";
  if (!left) return "Every question is answered and every answer is stored. You can close this page.";
  return `There is no question left for you, and your answers are stored. ${left} ${many} still to come from others, or `
    + "from you if someone passes a question on. You can close this page, or look again later.";
}

function showClock() {
  const seconds = Math.floor((performance.now() - began) / 1000), typical = median();
  element("clock").textContent = state?.question
    ? `${seconds} s on this question${typical ? `, mostly ${typical.toFixed(1)} s` : ""}` : "";
}

function show(next) {
  state = next;
  const { question } = state;
  element("note").value = "";
  element("undo").disabled = !state.undo;
  for (const id of ["cannot-tell", "skip", "flag"]) element(id).disabled = !question;
  element("flag").hidden = isBare();
  element("instruction").textContent = question ? question.instruction : "";
  form = question ? formOf(question, keys, answer, (marks, bad) => panels.mark(marks, bad)) : null;
  element("task").textContent = form ? form.task : "All done. Thank you!";
  element("ended").hidden = Boolean(question);
  element("ended-text").textContent = question ? "" : ending(state.progress);
  panels.show(question, form?.names);
  showSigns();
  element("answers").replaceChildren(...(form ? form.build() : []));
  element("answers").dataset.kind = question?.kind ?? "";
  document.body.dataset.question = question?.id ?? "";
  document.body.dataset.panels = question?.items.length ?? 0;
  document.body.dataset.shown = Number(document.body.dataset.shown ?? 0) + 1;
  began = performance.now();
  showProgress(state.progress);
  showClock();
  enter(question ? "asking" : "finished");
}

async function answer(content, text) {
  if (!ready() || !state.question) return;
  enter("sending");
  const { question, annotator } = state, seconds = (performance.now() - began) / 1000;
  const submission = {
    answer_id: newId(), query_id: question.id, order: question.order, answer: content, seconds,
    rationale: element("note").value,
  };
  try {
    const next = await server.answer(annotator, submission);
    durations.push(seconds);
    show(next);
    say(`Saved: ${text.charAt(0).toLowerCase()}${text.slice(1)}. ${keys.sign("undo")} takes it back.`);
  } catch (error) {
    await recover(error);
  }
}

async function undo() {
  if (!ready() || !state.undo) return;
  enter("sending");
  try {
    show(await server.undo(state.undo));
    say("Taken back. Here is the question again.");
  } catch (error) {
    await recover(error);
  }
}

// After a refusal the server says what is to be done next.
async function recover(error) {
  if (!(error instanceof Refused)) throw error;
  if (error.status === 401) return login();
  await load();
  say(`Not taken: ${error.message}`, true);
}

async function load() {
  try {
    show(await server.next());
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.status === 401) login();
    else {
      enter("refused");
      say(error.message, true);
    }
  }
}

function login() {
  const dialog = element("login");
  if (!dialog.open) dialog.showModal();
  enter("login");
}

element("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  element("login-error").textContent = "";
  try {
    await server.login(element("token").value);
    element("token").value = "";
    element("login").close();
    await load();
  } catch (error) {
    const wrong = error.status === 429 ? `Not now: ${error.message}.` : "That token is not known.";
    element("login-error").textContent = error instanceof Refused ? wrong : "The server does not answer.";
    element("token").select();
  }
});
element("login").addEventListener("cancel", (event) => event.preventDefault());

// Whether an action means anything for what is shown.
function offers(action) {
  if (["help", "undo"].includes(action)) return true;
  if (["replay", "pause"].includes(action)) return panels.moves;
  if (action === "view") return panels.both;
  if (action === "enlarge") return panels.panels.length > 1;
  if (action === "flag" && isBare()) return false;
  return Boolean(form) && (action === "note" || action in ABSTENTIONS || form.offers(action));
}

// Whether the action means anything now; a held key repeats only what may be repeated.
function act(action, repeated) {
  if (action === "help") return keys.open(), true;
  if (repeated && !form?.repeats?.(action)) return offers(action);
  if (!ready()) return true;
  if (action === "undo") return undo(), true;
  if (action === "replay") return panels.replay();
  if (action === "pause") return panels.pause();
  if (action === "view") return panels.toggle();
  if (action === "enlarge") return panels.enlargeNext();
  if (action === "note") return element("note").focus(), true;
  if (!state.question) return false;
  if (action in ABSTENTIONS) {
    if (action === "flag" && isBare()) return false;
    const [reason, text] = ABSTENTIONS[action];
    return answer({ type: "abstain", reason }, text), true;
  }
  return form.act(action);
}

element("more").addEventListener("click", load);
for (const id of ["cannot-tell", "skip", "flag", "undo"]) element(id).addEventListener("click", () => act(id, false));
// A button that was clicked does not keep the focus, or Enter and Space would press it again.
document.addEventListener("click", (event) => {
  if (event.detail > 0) event.target.closest("button")?.blur();
});
setInterval(showClock, 500);
setInterval(async () => {
  if (document.hidden || document.body.dataset.state !== "asking") return; // who has finished asks for nothing
  const progress = await server.progress().catch(() => null);
  if (progress && ready()) showProgress(progress);
}, 3000);
load();
