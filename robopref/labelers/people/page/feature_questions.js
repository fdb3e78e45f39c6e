// Questions about a named feature of items, such as the gripper's height: whether it matters, and from where on it is bad.
// The forms are like those of questions.js; examples are shown from the least of the feature on.

const STEPS = 1000; // of the slider
const FINE = 0.01, COARSE = 0.1; // of the scale, a press of a key

const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1);

// A value in the unit in which it is shown, as the server and the terminal write it.
function shown({ scale, unit, digits }, value) {
  const there = scale * value, text = digits === null ? there.toPrecision(4) : there.toFixed(digits);
  return unit ? `${text} ${unit}` : text;
}

function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

const named = ({ items, feature }) => items.map((_, place) => (
  feature.values.length ? `${place + 1}: ${shown(feature, feature.values[place])}` : `Example ${place + 1}`
));

// What is asked of whether a feature matters, for the form of answers that one press gives.
export function relevance(question) {
  const say = (direction) => ({ type: "relevance", direction });
  const task = `Does ${question.feature.said} matter?`;
  return [task, named(question), [
    ["less", "Less is better", say(-1)],
    ["no-matter", "It does not matter", say(0)],
    ["more", "More is better", say(1)],
  ]];
}

// A value on the scale of a feature, chosen with a slider or by the examples, from which on it is bad.
export class ThresholdForm {
  // button: makes one, as in questions.js
  constructor(question, keys, answer, onMark, button) {
    Object.assign(this, { keys, answer, onMark, button, feature: question.feature });
    const { said, side, low, high } = this.feature;
    this.too = side === "low" ? "little" : "much";
    this.task = `${sentence(said)}: how ${this.too} is too ${this.too}?`;
    this.names = named(question);
    this.value = (low + high) / 2;
    this.chosen = false; // whether the person has put it anywhere
  }

  build() {
    const { low, high, values } = this.feature;
    this.output = make("output", { id: "limit" });
    this.slider = make("input", { type: "range", id: "slider", min: 0, max: STEPS, step: 1 });
    this.slider.setAttribute("aria-label", this.task);
    this.slider.addEventListener("input", () => this.#put(this.#at(this.slider.value / STEPS)));
    this.slider.addEventListener("pointerup", () => this.slider.blur()); // so that keys go to the question again
    const ticks = make("div", { id: "ticks" }, ...values.map((value, place) => {
      const tick = make("span", { className: "tick", textContent: place + 1, title: shown(this.feature, value) });
      tick.style.setProperty("--at", this.#share(value));
      tick.setAttribute("aria-hidden", "true");
      return tick;
    }));
    const ends = [low, high].map((end) => make("span", { textContent: shown(this.feature, end) }));
    this.track = make("div", { id: "track" }, ticks, this.slider, make("div", { id: "ends" }, ...ends));
    this.track.dataset.side = this.feature.side;
    this.submit = this.button("That is the limit", () => this.act("settle"), this.keys, "settle");
    this.submit.id = "answer-settle";
    const none = this.button(`Nothing here is too ${this.too}`, () => this.act("no-limit"), this.keys, "no-limit");
    none.id = "answer-no-limit";
    const hint = make("p", { className: "hint", id: "limit-keys" });
    for (const [action, words] of this.#hints()) {
      const sign = make("kbd", { textContent: this.keys.sign(action) });
      sign.dataset.key = action;
      hint.append(make("span", {}, sign, ` ${words}`));
    }
    this.#refresh();
    return [make("div", { id: "threshold" }, this.output, this.track, hint), this.submit, none];
  }

  offers(action) {
    if (["lower", "higher", "much-lower", "much-higher", "settle", "no-limit"].includes(action)) return true;
    if (["example-before", "example-after"].includes(action)) return this.feature.values.length > 0;
    return this.#example(action) !== undefined;
  }

  // Whether a key that is held down goes on.
  repeats(action) {
    return ["lower", "higher", "much-lower", "much-higher"].includes(action);
  }

  act(action) {
    if (!this.offers(action)) return false;
    const step = { lower: -FINE, higher: FINE, "much-lower": -COARSE, "much-higher": COARSE }[action];
    if (step) this.#put(this.#at(Math.round((this.#share(this.value) + step) / FINE) * FINE));
    else if (action === "settle") this.#settle();
    else if (action === "no-limit") this.#say(this.feature[this.feature.side]);
    else if (action === "example-before") this.#put(this.#beside(-1));
    else if (action === "example-after") this.#put(this.#beside(1));
    else this.#put(this.#example(action));
    return true;
  }

  #hints() {
    const examples = this.feature.values.length ? [["example-before", "example before"], ["example-after", "example after"]] : [];
    return [["lower", "less"], ["higher", "more"], ["much-lower", "much less"], ["much-higher", "much more"], ...examples];
  }

  #settle() {
    if (this.chosen) this.#say(this.value);
  }

  #say(value) {
    this.answer({ type: "threshold", value }, this.#meaning(value));
  }

  // What it means that a value is the limit.
  #meaning(value) {
    const { low, high, side } = this.feature;
    if (value === this.feature[side]) {
      return `Nothing from ${shown(this.feature, low)} to ${shown(this.feature, high)} is too ${this.too}`;
    }
    return `${side === "low" ? "Less" : "More"} than ${shown(this.feature, value)} is too ${this.too}`;
  }

  #example(action) {
    return this.feature.values[Number(/^item-(\d)$/.exec(action)?.[1] ?? 0) - 1];
  }

  // The value of the next example in a direction; the farthest one's if there is none.
  #beside(way) {
    const { values } = this.feature;
    const beyond = values.filter((value) => way * (value - this.value) > 1e-9 * (this.feature.high - this.feature.low));
    if (!beyond.length) return way > 0 ? Math.max(...values) : Math.min(...values);
    return way > 0 ? Math.min(...beyond) : Math.max(...beyond);
  }

  #share(value) {
    return Math.min(1, Math.max(0, (value - this.feature.low) / (this.feature.high - this.feature.low)));
  }

  #at(share) {
    const { low, high } = this.feature;
    return share <= 0 ? low : share >= 1 ? high : low + share * (high - low);
  }

  #put(value) {
    this.value = Math.min(this.feature.high, Math.max(this.feature.low, value));
    this.chosen = true;
    this.#refresh();
  }

  #isBad(value) {
    return this.feature.side === "low" ? value < this.value : value > this.value;
  }

  #refresh() {
    const share = this.#share(this.value), { values } = this.feature;
    this.slider.value = Math.round(STEPS * share);
    this.slider.setAttribute("aria-valuetext", this.chosen ? this.#meaning(this.value) : "not chosen yet");
    this.track.style.setProperty("--at", share);
    this.track.classList.toggle("waiting", !this.chosen);
    this.output.textContent = this.chosen ? this.#meaning(this.value) : "Move the slider to where it begins to be bad";
    this.submit.disabled = !this.chosen;
    this.onMark(values.map((value) => (this.chosen ? (this.#isBad(value) ? `too ${this.too}` : "fine") : "")),
      values.map((value) => this.chosen && this.#isBad(value)));
  }
}
