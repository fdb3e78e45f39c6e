// Which key does what, kept in the browser, and the dialog that shows and changes it.

// action: [what it says, key, where it applies]; an action of everywhere shares its key with none.
const ACTIONS = {
  "much-left": ["Left is much better", "Shift+ArrowLeft", "pair"],
  left: ["Left is better", "ArrowLeft", "pair"],
  tie: ["Equally good", "ArrowDown", "pair"],
  right: ["Right is better", "ArrowRight", "pair"],
  "much-right": ["Right is much better", "Shift+ArrowRight", "pair"],
  equal: ["The next is as good", "=", "ranking"],
  back: ["Take the last place back", "Backspace", "ranking"],
  submit: ["That is my ranking", "Enter", "ranking"],
  less: ["Less is better", "ArrowLeft", "feature"],
  "no-matter": ["It does not matter", "ArrowDown", "feature"],
  more: ["More is better", "ArrowRight", "feature"],
  lower: ["The limit is lower", "ArrowLeft", "threshold"],
  higher: ["The limit is higher", "ArrowRight", "threshold"],
  "much-lower": ["The limit is much lower", "Shift+ArrowLeft", "threshold"],
  "much-higher": ["The limit is much higher", "Shift+ArrowRight", "threshold"],
  "example-before": ["As much as the example before", "ArrowDown", "threshold"],
  "example-after": ["As much as the example after", "ArrowUp", "threshold"],
  settle: ["That is the limit", "Enter", "threshold"],
  "no-limit": ["Nothing here is bad", "0", "threshold"],
  "cannot-tell": ["Can't tell", "c", ""],
  skip: ["Skip", "s", ""],
  flag: ["Bad episode", "f", ""],
  undo: ["Undo the last answer", "u", ""],
  note: ["Write a reason", "n", ""],
  replay: ["Replay", "r", ""],
  pause: ["Pause or play", "Space", ""],
  view: ["Video or points, outcome or action", "v", ""],
  enlarge: ["Enlarge one panel after the other", "e", ""],
  help: ["These keys", "?", ""],
};
for (let number = 1; number <= 9; number += 1) {
  ACTIONS[`item-${number}`] = [`Number ${number}`, String(number), "ranking, similarity, rating, threshold"];
}
const STORED = "robopref.keys";
const SIGNS = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Backspace: "⌫", Enter: "↵", Space: "space" };

function nameOf(event) {
  const key = event.key === " " ? "Space" : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return event.shiftKey && key.length > 1 ? `Shift+${key}` : key;
}

const shown = (key) => key.split("+").map((part) => (part === "Shift" ? "⇧" : SIGNS[part] ?? part)).join("") || "+";

export class Keys {
  // onAction: does what an action says, and says whether it means anything now; offers: whether it would
  constructor(onAction, offers) {
    Object.assign(this, { onAction, offers });
    this.changing = null;
    this.keys = {};
    let stored = {};
    try {
      stored = JSON.parse(localStorage.getItem(STORED)) ?? {};
    } catch { /* kept by hand, and broken */ }
    for (const [action, [, key]] of Object.entries(ACTIONS)) {
      this.keys[action] = typeof stored[action] === "string" ? stored[action] : key;
    }
    this.dialog = document.getElementById("keys");
    document.addEventListener("keydown", (event) => this.#pressed(event));
    document.getElementById("keys-button").addEventListener("click", () => this.open());
    document.getElementById("keys-close").addEventListener("click", () => this.dialog.close());
    document.getElementById("keys-reset").addEventListener("click", () => this.#reset());
    this.dialog.addEventListener("close", () => this.#choose(null));
    document.getElementById("keys-table").append(...Object.keys(ACTIONS).map((action) => this.#row(action)));
    this.refresh();
  }

  sign(action) {
    return shown(this.keys[action]);
  }

  // Labels of buttons follow the keys; the elements stay.
  refresh() {
    for (const label of document.querySelectorAll("kbd[data-key]")) label.textContent = this.sign(label.dataset.key);
    for (const [action, [text]] of Object.entries(ACTIONS)) {
      const button = document.getElementById(`key-${action}`);
      button.textContent = this.changing === action ? "press a key" : this.sign(action);
      button.setAttribute("aria-label", `${text}: ${this.keys[action]}; change`);
    }
  }

  // Shows the keys that mean something for the question.
  open() {
    for (const action of Object.keys(ACTIONS)) {
      document.getElementById(`key-${action}`).parentElement.hidden = !this.offers(action);
    }
    this.dialog.showModal();
  }

  // Which action the next key is for; the dialog states it.
  #choose(action) {
    this.changing = action;
    this.dialog.dataset.changing = action ?? "";
    this.refresh();
  }

  #pressed(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.key === "Shift") return;
    if (this.changing) {
      event.preventDefault();
      if (event.key !== "Escape") this.#change(this.changing, nameOf(event));
      this.#choose(null);
      return;
    }
    if (document.querySelector("dialog[open]")) return;
    const target = event.target;
    if (target.matches("input[type=text], input[type=password], textarea")) {
      if (event.key === "Enter" || event.key === "Escape") {
        event.preventDefault();
        target.blur();
      }
      return;
    }
    const name = nameOf(event);
    if (target.matches("button, select, input:not([type=range])") && ["Space", "Enter"].includes(name)) return;
    if (target.matches("select, #scrubber") && name.includes("Arrow")) return;
    for (const [action, key] of Object.entries(this.keys)) {
      // A key that is held down would answer the next questions as well.
      if (key === name && this.onAction(action, event.repeat)) {
        event.preventDefault();
        return;
      }
    }
  }

  #change(action, key) {
    const places = (name) => ACTIONS[name][2];
    for (const [other, taken] of Object.entries(this.keys)) {
      const meet = !places(action) || !places(other) || places(action).includes(places(other)) || places(other).includes(places(action));
      if (other !== action && taken === key && meet) this.keys[other] = this.keys[action];
    }
    this.keys[action] = key;
    localStorage.setItem(STORED, JSON.stringify(this.keys));
  }

  #reset() {
    localStorage.removeItem(STORED);
    for (const [action, [, key]] of Object.entries(ACTIONS)) this.keys[action] = key;
    this.#choose(null);
  }

  #row(action) {
    const row = document.createElement("div"), button = document.createElement("button");
    row.append(Object.assign(document.createElement("span"), { textContent: ACTIONS[action][0] }), button);
    Object.assign(button, { type: "button", id: `key-${action}` });
    button.addEventListener("click", () => this.#choose(action));
    return row;
  }
}
