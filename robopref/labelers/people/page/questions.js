// What each kind of question asks, and how it is answered: by buttons, keys and, for rankings, by dragging.
// A form has `names` of the panels, `act(action)`, which says whether the action means anything here, as `offers(action)`
// does without doing it, and `build()`; with `repeats(action)` it says which go on while a key is held down.

import { relevance, ThresholdForm } from "./feature_questions.js";

const ordinal = (rank) => `${rank + 1}${{ 1: "st", 2: "nd", 3: "rd" }[rank + 1] ?? "th"}`;

function button(text, action, keys, key) {
  const made = document.createElement("button");
  made.type = "button";
  made.append(text);
  if (key) {
    const sign = document.createElement("kbd");
    sign.dataset.key = key;
    sign.textContent = keys.sign(key);
    made.append(" ", sign);
  }
  made.addEventListener("click", action);
  return made;
}

// Answers that one press gives: [action, text, answer, what is said of it afterwards].
class OfOnePress {
  constructor(task, names, choices, keys, answer) {
    Object.assign(this, { task, names, choices, keys, answer });
  }

  build() {
    return this.choices.map(([action, text]) => {
      const made = button(text, () => this.act(action), this.keys, action);
      made.id = `answer-${action}`;
      return made;
    });
  }

  offers(action) {
    return this.choices.some(([name]) => name === action);
  }

  act(action) {
    const chosen = this.choices.find(([name]) => name === action);
    if (chosen) this.answer(chosen[2], chosen[3] ?? chosen[1]);
    return Boolean(chosen);
  }
}

function pair(question, keys, answer) {
  const say = (p) => ({ type: "preference", p });
  return new OfOnePress("Which one is better?", ["Left", "Right"], [
    ["much-left", "Left much better", say(1)],
    ["left", "Left better", say(0.75)],
    ["tie", "Equally good", say(0.5)],
    ["right", "Right better", say(0.25)],
    ["much-right", "Right much better", say(0)],
  ], keys, answer);
}

function similarity(question, keys, answer) {
  return new OfOnePress("Which one is least like the other two?", ["1", "2", "3"], [0, 1, 2].map((odd) => (
    [`item-${odd + 1}`, `Number ${odd + 1}`, { type: "similarity", odd }, `number ${odd + 1} is the odd one`]
  )), keys, answer);
}

function rating(question, keys, answer) {
  const { levels } = question;
  const word = (level) => {
    if (levels === 2) return level ? "Success" : "Failure";
    if (levels === 5) return ["Very bad", "Bad", "So-so", "Good", "Very good"][level];
    return { 0: "Bad", [levels - 1]: "Good" }[level] ?? "";
  };
  const task = levels === 2 ? "Did it succeed?" : "How good is it?";
  return new OfOnePress(task, [""], Array.from({ length: levels }, (_, level) => [
    `item-${level + 1}`, word(level), { type: "rating", value: level / (levels - 1) }, `${level + 1} of ${levels}`,
  ]), keys, answer);
}

function feature(question, keys, answer) {
  return new OfOnePress(...relevance(question), keys, answer);
}

// An ordering: the first `placed` of `order` have a rank, the others wait. `equal` holds those as good as the one before.
class Ranking {
  constructor(question, keys, answer, onMark) {
    this.task = "Order them, best first";
    this.names = question.items.map((_, place) => String(place + 1));
    this.order = this.names.map((_, place) => place);
    this.placed = 0;
    this.equal = new Set();
    this.joins = false; // whether the next one is as good as the one before
    Object.assign(this, { keys, answer, onMark });
    this.list = document.createElement("ol");
    this.list.id = "ranking";
    this.rows = this.names.map((_, place) => this.#row(place));
  }

  build() {
    this.submit = button("That is my ranking", () => this.act("submit"), this.keys, "submit");
    this.submit.id = "answer-submit";
    const hint = document.createElement("span");
    hint.className = "hint";
    hint.textContent = "Press the numbers, best first, or drag:";
    this.#refresh();
    return [hint, this.list, this.submit];
  }

  offers(action) {
    return ["equal", "back", "submit"].includes(action) || this.names.some((name) => action === `item-${name}`);
  }

  act(action) {
    const number = Number(/^item-(\d)$/.exec(action)?.[1] ?? 0);
    if (number) {
      const from = this.order.indexOf(number - 1);
      if (from < 0) return false;
      if (from >= this.placed) {
        this.#move(from, this.placed);
        if (this.joins) this.equal.add(number - 1);
        this.joins = false;
      }
    } else if (action === "equal") {
      if (this.placed === this.order.length) this.#toggleEqual(this.order[this.placed - 1]);
      else this.joins = this.placed > 0 && !this.joins;
    } else if (action === "back") {
      this.joins = false;
      if (this.placed) {
        // With one left over, its place was given for nothing.
        this.placed = this.placed === this.order.length ? this.placed - 2 : this.placed - 1;
        this.placed = Math.max(0, this.placed);
        for (const place of this.order.slice(this.placed)) this.equal.delete(place);
      }
    } else if (action === "submit") {
      if (this.placed < this.order.length) return true;
      const ranks = this.#ranks();
      const text = this.order.map((place, at) => (at ? (this.equal.has(place) ? " = " : " > ") : "") + (place + 1)).join("");
      this.answer({ type: "ranking", ranks }, text);
    } else {
      return false;
    }
    this.#refresh();
    return true;
  }

  #move(from, to) {
    const [place] = this.order.splice(from, 1);
    if (from < this.placed) this.placed -= 1;
    const target = Math.min(to, this.placed);
    this.order.splice(target, 0, place);
    this.placed += 1;
    this.equal.delete(place);
    this.equal.delete(this.order[0]);
    if (this.placed === this.order.length - 1) this.placed += 1;
  }

  #toggleEqual(place) {
    if (!this.equal.delete(place)) this.equal.add(place);
  }

  #ranks() {
    const ranks = new Array(this.order.length);
    let rank = -1;
    for (const place of this.order) {
      if (!this.equal.has(place)) rank += 1;
      ranks[place] = rank;
    }
    return ranks;
  }

  // The rows stay as they are; their order in the list and what is written on them follow the ranking.
  #refresh() {
    const ranks = this.#ranks(), marks = new Array(this.order.length), focused = document.activeElement;
    this.order.forEach((place, at) => {
      const { row, between, chip } = this.rows[place];
      const waits = at >= this.placed, same = this.equal.has(place);
      between.textContent = at === this.placed && this.joins ? "=" : waits ? " " : same ? "=" : ">";
      between.hidden = !at;
      between.disabled = waits;
      between.setAttribute("aria-label", `${same ? "as good as" : "better than"} the next; change`);
      chip.classList.toggle("waiting", waits);
      chip.setAttribute("aria-label", waits ? `Number ${place + 1}, not placed` : `Number ${place + 1} is ${ordinal(ranks[place])}`);
      if (this.list.children[at] !== row) this.list.insertBefore(row, this.list.children[at]);
      if (!waits) marks[place] = ordinal(ranks[place]);
    });
    if (this.list.contains(focused)) focused.focus();
    this.list.dataset.order = `${this.order.map((place) => place + 1).join(" ")}, ${this.placed} placed`;
    this.submit.disabled = this.placed < this.order.length;
    this.onMark(marks);
  }

  #row(place) {
    const row = document.createElement("li");
    const between = button("", () => { this.#toggleEqual(place); this.#refresh(); });
    between.className = "between";
    const chip = button(String(place + 1), (event) => {
      const waits = this.order.indexOf(place) >= this.placed;
      if (event.detail === 0 || waits) this.act(`item-${place + 1}`);
    });
    chip.className = "chip";
    chip.dataset.place = place;
    this.#drag(chip, place);
    row.append(between, chip);
    return { row, between, chip };
  }

  #drag(chip, place) {
    chip.addEventListener("pointerdown", (down) => {
      chip.setPointerCapture(down.pointerId);
      let far = false;
      const move = (event) => {
        far ||= Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) > 6;
        chip.classList.toggle("dragged", far);
        if (far) chip.style.transform = `translate(${event.clientX - down.clientX}px, ${event.clientY - down.clientY}px)`;
      };
      const stop = () => {
        chip.removeEventListener("pointermove", move);
        chip.removeEventListener("pointerup", end);
        chip.classList.remove("dragged");
        chip.style.transform = "";
      };
      const end = (event) => {
        stop();
        if (!far) return;
        const centers = this.rows.filter((other) => other.chip !== chip).map((other) => {
          const box = other.chip.getBoundingClientRect();
          return box.left + box.width / 2;
        });
        this.#move(this.order.indexOf(place), centers.filter((x) => x < event.clientX).length);
        this.#refresh();
      };
      chip.addEventListener("pointermove", move);
      chip.addEventListener("pointerup", end);
      chip.addEventListener("pointercancel", stop, { once: true });
    });
  }
}

export function formOf(question, keys, answer, onMark) {
  const simple = { pair, similarity, rating, feature }[question.kind];
  if (simple) return simple(question, keys, answer);
  if (question.kind === "threshold") return new ThresholdForm(question, keys, answer, onMark, button);
  return new Ranking(question, keys, answer, onMark);
}
