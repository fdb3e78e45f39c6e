// One panel an item: its video, its point clouds with the actions, or both in turn; and the controls of all that moves.

const STEPS_A_SECOND = 1.5; // of point clouds
const REST = 1; // steps for which the last cloud stays before the first one comes again

const element = (id) => document.getElementById(id);

function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function decoded(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

function cloudOf(name) {
  const canvas = make("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${name}; drag to turn, scroll to zoom`);
  return canvas;
}

export class Panels {
  constructor(stage) {
    this.stage = stage;
    this.panels = [];
    this.videos = [];
    this.steps = 0; // of the longest item that is shown as clouds
    this.time = 0; // in steps
    this.playing = false;
    this.speed = 1;
    this.both = false; // whether videos and points, or outcomes and actions, take turns
    this.points = false; // whether it is the turn of the latter
    this.onView = () => {}; // called when they take turns
    element("play").addEventListener("click", () => this.pause());
    element("replay").addEventListener("click", () => this.replay());
    element("view").addEventListener("click", () => this.toggle());
    element("speed").addEventListener("change", (event) => {
      this.speed = Number(event.target.value);
      for (const video of this.videos) video.playbackRate = this.speed;
    });
    element("scrubber").addEventListener("input", (event) => {
      this.playing = false;
      this.time = Math.min(this.steps - 1, Math.floor((event.target.value / 1000) * this.steps));
      for (const video of this.videos) {
        video.pause();
        if (video.duration) video.currentTime = (event.target.value / 1000) * video.duration;
      }
      this.#sayPlaying();
    });
    let before = performance.now();
    const follow = (now) => {
      const [first] = this.videos;
      if (this.steps > 1) {
        if (this.playing) this.time += ((now - before) / 1000) * this.speed * STEPS_A_SECOND;
        if (this.time >= this.steps + REST) this.time = 0;
        this.stage.seek(Math.floor(this.time));
      }
      before = now;
      if (first?.duration && !first.paused) element("scrubber").value = (1000 * first.currentTime) / first.duration;
      else if (!first && this.playing) element("scrubber").value = (1000 * this.time) / this.steps;
      requestAnimationFrame(follow);
    };
    requestAnimationFrame(follow);
  }

  // question: as the server sends it, or null; names: what each panel is called.
  show(question, names) {
    this.stage.clear();
    this.videos = [];
    this.panels = [];
    this.lengths = ["frames", "actions"].map((of) => Math.max(0, ...(question?.items ?? []).map((item) => item[of]?.length ?? 0)));
    this.outcomes = this.lengths[1] > 0;
    if (!question) {
      element("panels").replaceChildren();
      element("transport").hidden = true;
      [this.large, this.both] = [null, false];
      return;
    }
    const clouds = new Map(Object.entries(question.clouds ?? {}).map(([key, text]) => [key, decoded(text)]));
    this.both = question.items.some((item) => (item.video || item.actions) && item.frames.length);
    element("view").firstChild.textContent = question.items.some((item) => item.video) ? "Video or points " : "Outcome or action ";
    const count = question.items.length;
    const row = question.feature ? 5 : 3; // examples of a feature are in order, and are seen as one if they can
    element("panels").style.setProperty("--columns", count <= row ? count : Math.min(4, Math.ceil(count / 2)));
    this.panels = question.items.map((item, place) => this.#panel(item, names[place]));
    if (count === 1) this.panels[0].caption.hidden = !question.feature;
    element("panels").replaceChildren(...this.panels.map(({ figure }) => figure));
    question.items.forEach((item, place) => {
      const { canvas, action } = this.panels[place], { labels, guide, center, radius } = question;
      for (const [shown, frames] of [[canvas, item.frames], [action, item.actions]]) {
        if (!shown) continue;
        this.stage.add(shown, frames.map(({ cloud, path, before }) => (
          { points: clouds.get(cloud), before: clouds.get(before), path, labels, guide, center, radius }
        )));
      }
    });
    element("view").hidden = !this.both;
    this.enlarge(null);
    this.#arrange();
    this.replay();
  }

  // What is in sight: "videos" only, "outcomes", or the point clouds of "actions".
  get shown() {
    if (!this.panels.some(({ canvas, action }) => [canvas, action].some((one) => one && !one.hidden))) return "videos";
    return this.outcomes && this.panels.some(({ canvas }) => canvas && !canvas.hidden) ? "outcomes" : "actions";
  }

  // Show one panel alone, or all of them; null is all.
  enlarge(place) {
    this.large = place;
    this.panels.forEach(({ figure, grow, name }, index) => {
      figure.hidden = place !== null && index !== place;
      grow.setAttribute("aria-pressed", String(index === place));
      grow.setAttribute("aria-label", index === place ? "All panels" : `Enlarge ${name || "it"}`);
      grow.title = grow.getAttribute("aria-label");
    });
    element("panels").classList.toggle("single", place !== null);
    this.stage.draw();
    return true;
  }

  // One panel after the other, then all again.
  enlargeNext() {
    if (this.panels.length < 2) return false;
    const next = this.large === null ? 0 : this.large + 1;
    return this.enlarge(next < this.panels.length ? next : null);
  }

  // What is written on the panels, such as the rank of each item; bad: which of them are found bad, and not good.
  mark(texts, bad = null) {
    this.panels.forEach(({ figure, place }, index) => {
      place.textContent = texts[index] ?? "";
      figure.classList.toggle("chosen", Boolean(texts[index]));
      figure.classList.toggle("bad", Boolean(bad?.[index]));
      figure.classList.toggle("good", Boolean(bad && texts[index] && !bad[index]));
    });
  }

  replay() {
    this.time = 0;
    this.playing = true;
    for (const video of this.videos) {
      video.currentTime = 0;
      video.play().catch(() => {});
    }
    this.#sayPlaying();
    return this.moves;
  }

  pause() {
    this.playing = this.videos.length ? this.videos[0].paused : !this.playing;
    for (const video of this.videos) {
      if (!this.playing) video.pause();
      else video.play().catch(() => {});
    }
    this.#sayPlaying();
    return this.moves;
  }

  toggle() {
    if (!this.both) return false;
    this.points = !this.points;
    this.#arrange();
    return true;
  }

  #panel(item, name) {
    const place = make("span", { className: "place" });
    const grow = make("button", { type: "button", className: "grow", textContent: "⤢" });
    const caption = make("figcaption", {}, make("span", { className: "name", textContent: name }), place, grow);
    const figure = make("figure", { className: "panel" }, caption);
    grow.addEventListener("click", () => {
      const index = this.panels.findIndex((panel) => panel.figure === figure);
      this.enlarge(this.large === index ? null : index);
    });
    let canvas = null, video = null, action = null;
    if (item.video) {
      video = make("video", { src: item.video, muted: true, loop: true, playsInline: true, preload: "auto" });
      video.playbackRate = this.speed;
      video.addEventListener("loadedmetadata", () => { video.playbackRate = this.speed; });
      video.setAttribute("aria-label", `Video of ${name}`);
      for (const change of ["play", "pause"]) video.addEventListener(change, () => this.#sayPlaying());
      this.videos.push(video);
      figure.append(video);
    }
    if (item.frames.length) {
      canvas = cloudOf(item.actions ? `What came of ${name}, over what was before` : `Point cloud of ${name} with its action`);
      figure.append(canvas);
    }
    if (item.actions && !video) {
      action = cloudOf(`Point cloud of ${name} with its action`);
      figure.append(action);
    }
    if (!canvas && !video) figure.append(make("p", { className: "nothing", textContent: "nothing to show" }));
    return { figure, caption, place, canvas, video, action, grow, name };
  }

  #arrange() {
    for (const { canvas, video, action } of this.panels) {
      const turns = video ? [video, canvas] : [canvas, action];
      if (!turns[0] || !turns[1]) continue;
      turns.forEach((one, turn) => { one.hidden = Boolean(turn) !== this.points; });
    }
    this.steps = this.lengths[this.shown === "actions" && this.outcomes ? 1 : 0];
    element("transport").hidden = !this.moves && !this.both;
    for (const id of ["play", "replay"]) element(id).hidden = !this.moves;
    for (const label of element("transport").querySelectorAll("label")) label.hidden = !this.moves;
    this.onView();
    this.stage.draw();
  }

  // Whether anything in sight plays.
  get moves() {
    return this.videos.length > 0 || this.steps > 1;
  }

  #sayPlaying() {
    const [first] = this.videos;
    element("play").firstChild.textContent = (first ? !first.paused : this.playing) ? "Pause " : "Play ";
  }
}
