// Requests to the labelling server. An answer is kept in the browser until the server has acknowledged it.

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// `randomUUID` exists on secure origins only, and a page on the local network is none.
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Server {
  constructor(onTrouble) {
    this.onTrouble = onTrouble; // called with a text while the server does not answer, with null when it does again
  }

  async login(token) {
    await this.#once("api/login", { token });
  }

  // What to show next, after sending an answer that an earlier page could not deliver.
  async next() {
    let state = await this.#again("api/next", {});
    const pending = this.#pending(state.annotator);
    if (pending) {
      try {
        state = await this.answer(state.annotator, pending);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        state = await this.#again("api/next", {});
      }
    }
    return state;
  }

  async answer(annotator, submission) {
    const key = `robopref.pending.${annotator}`;
    localStorage.setItem(key, JSON.stringify(submission));
    try {
      const state = await this.#again("api/answer", submission);
      localStorage.removeItem(key);
      return state;
    } catch (error) {
      if (error instanceof Refused && ![401, 429].includes(error.status)) localStorage.removeItem(key);
      throw error;
    }
  }

  undo(answerId) {
    return this.#again("api/undo", { answer_id: answerId });
  }

  async progress() {
    const response = await fetch("api/progress");
    return response.ok ? response.json() : null;
  }

  #pending(annotator) {
    try {
      return JSON.parse(localStorage.getItem(`robopref.pending.${annotator}`));
    } catch {
      return null;
    }
  }

  // Repeats a request until the server answers; that is safe, because every answer carries its own name.
  async #again(path, body) {
    for (let pause = 300; ; pause = Math.min(2 * pause, 3000)) {
      try {
        const result = await this.#once(path, body);
        this.onTrouble(null);
        return result;
      } catch (error) {
        if (error instanceof Refused && error.status < 500) {
          this.onTrouble(null);
          throw error;
        }
        this.onTrouble(error instanceof Refused ? error.message : "the server does not answer");
        await wait(pause);
      }
    }
  }

  async #once(path, body) {
    const response = await fetch(path, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
    });
    const content = await response.json().catch(() => ({}));
    if (!response.ok) throw new Refused(response.status, content.error ?? `status ${response.status}`);
    return content;
  }
}
