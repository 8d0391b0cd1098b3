// The rate page in the browser: shows a pair, takes keys, clicks and taps, sends one press each.
//
// Streamlit calls the default export whenever the data changes. A press names the showing it was
// made on (`token`), and none is taken before both images are on the screen, nor while the one
// before is under way. Texts go in as text, never as HTML.

const SKELETON = `
  <header class="bar">
    <span class="name">Tastemaker</span>
    <div class="track" role="progressbar" aria-label="Pairs answered" aria-valuemin="0" aria-valuemax="100"><div></div></div>
    <div class="figures"></div>
    <div class="tools">
      <button class="progress" type="button">Progress</button>
      <button class="gallery" type="button" hidden>Gallery</button>
      <button class="flip" type="button" aria-pressed="false" aria-keyshortcuts="F">Flip&ensp;<kbd aria-hidden="true">F</kbd></button>
      <button class="pixels" type="button"></button>
      <button class="help" type="button" aria-haspopup="dialog" aria-keyshortcuts="?">Keys&ensp;<kbd aria-hidden="true">?</kbd></button>
      <button class="leave" type="button"></button>
    </div>
  </header>
  <section class="pair" aria-label="Pair" tabindex="-1">
    <div class="asked"><p></p><h1 dir="auto"></h1></div>
    <div class="frames">
      <button class="frame left" type="button"></button>
      <button class="frame right" type="button"></button>
    </div>
    <div class="actions"></div>
  </section>
  <section class="ending" aria-label="The end" tabindex="-1" hidden>
    <h1></h1><p></p><code></code>
    <div>
      <button class="again action" type="button">Look again</button>
      <button class="undo action" type="button"></button>
    </div>
  </section>
  <p class="notice" role="status"></p>
  <p class="spoken" role="status"></p>
  <dialog aria-label="Keys">
    <h2 tabindex="-1" autofocus>Keys</h2><dl></dl>
    <label><input type="checkbox">Letters, digits and signs are keys</label>
    <p>Look at both images first; judge them for the prompt above. Sides are shuffled.</p>
    <form method="dialog"><button class="action">Close</button></form>
  </dialog>`;

const SLOW_MS = 800;
const GIVE_UP_MS = 10000;
const TRIES = 30;
const PIXELS = "tastemaker.pixels";
const MISSING = "This image is missing or damaged. Please skip this pair.";
const stages = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let stage = stages.get(parentElement);
  if (!stage) stages.set(parentElement, (stage = new Stage(parentElement, data)));
  stage.update(data, setTriggerValue);
  return () => {
    stage.close();
    stages.delete(parentElement);
  };
}

class Stage {
  constructor(parent, { actions, tools }) {
    this.root = document.createElement("div");
    this.root.className = "stage";
    this.root.innerHTML = SKELETON;
    parent.append(this.root);
    this.images = new Map(); // side and address -> what is shown there, and what is loaded ahead
    this.pressedAt = -Infinity;
    this.shown = null; // token of the showing on the screen, once both images are there
    this.closing = new AbortController();
    const { signal } = this.closing;
    this.loupe = new Loupe(this.root, signal);
    this.help = new Help(this.find("dialog"));
    this.addActions(actions);
    this.addTools(tools);
    window.addEventListener("keydown", (event) => this.onKey(event), { capture: true, signal });
    window.addEventListener("resize", () => this.fit(), { signal });
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  addActions(actions) {
    this.choices = new Map(actions.flatMap(({ keys, choice }) => keys.map((key) => [key, choice])));
    for (const { choice, label, sign, keys, meaning } of actions) {
      const button = element("button", { type: "button", className: "action", title: meaning });
      button.dataset.choice = choice;
      button.classList.toggle("minor", choice === "undo" || choice === "skip");
      button.setAttribute("aria-keyshortcuts", shortcuts(keys));
      button.append(element("kbd", { textContent: sign, ariaHidden: "true" }), label);
      this.find(".actions")[choice === "undo" ? "prepend" : "append"](button);
      this.help.explain(keys, `${label}: ${meaning}`);
      if (choice === "undo") this.find(".undo").replaceChildren(...button.cloneNode(true).childNodes);
      this.onClick(button, (at) => this.press(choice, at));
    }
    this.onClick(this.find(".undo"), (at) => this.press("undo", at));
    for (const side of ["left", "right"]) {
      // The end of a drag is no answer.
      this.onClick(this.find(`.frame.${side}`), (at) => this.loupe.hasMoved || this.press(side, at));
    }
  }

  addTools(tools) {
    this.tools = new Map(tools.flatMap(({ keys, name }) => keys.map((key) => [key, name])));
    for (const { keys, meaning } of tools) this.help.explain(keys, meaning);
    this.onClick(this.find(".flip"), () => this.look(this.loupe.isFlipping ? "escape" : "flip"));
    this.onClick(this.find(".leave"), () => this.send("leave", true));
    this.onClick(this.find(".again"), () => this.send("again", true));
    this.onClick(this.find(".progress"), () => this.send("progress", true));
    this.onClick(this.find(".gallery"), () => this.send("gallery", true));
    this.onClick(this.find(".help"), () => this.help.toggle());
    this.onClick(this.find(".pixels"), () => {
      localStorage.setItem(PIXELS, this.isSharp() ? "smooth" : "sharp");
      this.fit();
    });
  }

  // A double-click is one press: the second half of it is dropped.
  onClick(button, act) {
    button.addEventListener("click", (event) => event.detail > 1 || act(event.timeStamp));
  }

  onKey(event) {
    const focused = event.composedPath()[0];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (focused instanceof Element && focused.matches("input, textarea, [contenteditable]")) return;
    if (this.help.isOff(event.key)) return;
    const isPress = event.key === "Enter" || event.key === " ";
    const key = event.key.toLowerCase();
    const choice = this.choices.get(key);
    if (event.repeat && (isPress || choice)) return stop(event); // a held key counts once
    if (event.key === "?") return stop(event), event.repeat || this.help.toggle();
    if (this.help.isOpen) return;
    if (choice) return stop(event), this.press(choice, event.timeStamp);
    if (this.tools.has(key)) return stop(event), this.look(this.tools.get(key));
    if (key === "escape" && this.loupe.isFlipping) stop(event), this.look(key);
  }

  look(how) {
    if (how === "escape") this.loupe.sideBySide();
    else this.loupe.act(how);
    this.nameSide();
    this.fit();
    if (this.loupe.isFlipping) this.speak(this.find(".asked p").textContent);
  }

  nameSide() {
    const { isFlipping, side } = this.loupe;
    this.find(".flip").setAttribute("aria-pressed", isFlipping);
    const asked = isFlipping ? `This is the ${side} image. ${this.asked}` : this.asked;
    this.find(".asked p").textContent = asked;
  }

  press(choice, at) {
    const isBurst = at - this.pressedAt < this.data.min_gap_ms;
    this.pressedAt = at;
    const isReady = choice === "undo" || (this.data.pair && (choice === "skip" || this.isComplete));
    if (this.waiting || !this.shown || !isReady) return;
    // The server drops bursts too, but it cannot tell them apart when it is slow itself.
    if (isBurst) return this.say(this.data.too_fast);
    this.waiting = true;
    this.find(".pair").dataset.chosen = choice;
    const milliseconds = Math.round(performance.now() - this.shownAt);
    this.send("press", { choice, token: this.shown, milliseconds });
    this.timers = [
      setTimeout(() => this.say("Saving…"), SLOW_MS),
      // The token makes a second try harmless.
      setTimeout(() => this.settle("No answer from the server yet. Try again."), GIVE_UP_MS),
    ];
  }

  settle(notice) {
    this.timers?.forEach(clearTimeout);
    this.waiting = false;
    delete this.find(".pair").dataset.chosen;
    this.say(notice);
  }

  say(notice) {
    this.find(".notice").textContent = notice;
  }

  // For those who do not see what has changed.
  speak(words) {
    this.find(".spoken").textContent = words;
  }

  update(data, send) {
    this.send = send;
    this.data = data;
    this.find(".leave").textContent = `${data.rater} · change`;
    this.find(".leave").title = "Not you? Rate under another name";
    this.find(".gallery").hidden = !data.has_gallery;
    this.find(".track div").style.width = `${100 * data.fraction}%`;
    this.find(".track").setAttribute("aria-valuenow", Math.round(100 * data.fraction));
    this.find(".track").setAttribute("aria-valuetext", data.progress[0]);
    const figures = data.title ? [data.title, ...data.progress] : data.progress;
    this.find(".figures").replaceChildren(...figures.map((textContent) => element("span", { textContent })));
    if (data.token !== this.shown) this.show(data);
    else if (data.answer !== this.answer) this.settle(data.notice);
    this.answer = data.answer;
  }

  async show(data) {
    const { token, pair, ending } = data;
    const images = pair ? this.load(pair) : [];
    const loaded = await Promise.all(images.map((image) => image.loaded));
    if (this.data.token !== token) return; // another pair came while this one was loading
    this.shown = token;
    this.isComplete = loaded.every(Boolean);
    this.settle(data.notice);
    const focused = this.root.getRootNode().activeElement;
    this.find(".pair").hidden = !pair;
    this.find(".ending").hidden = Boolean(pair);
    if (pair) this.place(pair, images, loaded);
    else this.conclude(ending);
    // Focus must not be lost with what is hidden now.
    if (focused?.closest("[hidden]")) this.find(pair ? ".pair" : ".ending").focus();
    this.shownAt = performance.now();
    this.root.dataset.token = token;
    this.loadAhead(pair ? [pair, ...data.ahead] : data.ahead);
  }

  place(pair, images, loaded) {
    const prompt = this.find(".asked h1");
    prompt.textContent = prompt.title = pair.prompt;
    prompt.scrollTop = 0;
    prompt.classList.toggle("long", pair.prompt.length > 160);
    for (const [index, side] of ["left", "right"].entries()) {
      const { element } = images[index];
      const frame = this.find(`.frame.${side}`);
      frame.replaceChildren(element);
      frame.ariaLabel = loaded[index] ? `The ${side} image is better` : element.textContent;
    }
    this.loupe.reset();
    this.asked = pair.asked;
    this.nameSide();
    this.fit();
    const missing = loaded.every(Boolean) ? "" : MISSING;
    // With the count, so that the same prompt twice is said twice.
    this.speak(`${this.find(".asked p").textContent}: ${pair.prompt}. ${this.data.progress[0]}. ${missing}`);
  }

  conclude({ title, text, command }) {
    this.speak(`${title} ${text} ${command}`);
    this.find(".ending h1").textContent = title;
    this.find(".ending p").textContent = text;
    this.find(".ending code").textContent = command;
    this.find(".ending code").hidden = !command;
  }

  // By side, for both images of a pair may be the same file.
  load({ left, right }) {
    return [this.image("left", left), this.image("right", right)];
  }

  image(side, address) {
    const name = `${side} ${address}`;
    if (!this.images.has(name)) this.images.set(name, fetchImage(side, address));
    return this.images.get(name);
  }

  // Load what comes next, and let go of what is over.
  loadAhead(pairs) {
    const wanted = new Set(pairs.flatMap(({ left, right }) => [`left ${left}`, `right ${right}`]));
    for (const name of this.images.keys()) if (!wanted.has(name)) this.images.delete(name);
    pairs.forEach((pair) => this.load(pair));
  }

  isSharp() {
    return localStorage.getItem(PIXELS) !== "smooth";
  }

  // Whole multiples of the screen's pixels keep enlarged pixels square and even.
  fit() {
    const isSharp = this.isSharp();
    this.root.classList.toggle("sharp", isSharp);
    this.find(".pixels").textContent = isSharp ? "Pixels: sharp" : "Pixels: smooth";
    for (const frame of this.root.querySelectorAll(".frame")) {
      const img = frame.querySelector("img");
      if (!img) continue;
      const { naturalWidth: width, naturalHeight: height } = img;
      const scale = Math.min(frame.clientWidth / width, frame.clientHeight / height);
      const onScreen = scale * devicePixelRatio;
      const whole = onScreen >= 1 && isSharp ? Math.floor(onScreen) / devicePixelRatio : scale;
      img.classList.toggle("enlarged", onScreen > 1);
      img.style.width = `${width * whole}px`;
      img.style.height = `${height * whole}px`;
    }
  }

  close() {
    this.closing.abort();
    this.timers?.forEach(clearTimeout);
    this.root.remove();
  }
}

function fetchImage(side, src) {
  const img = element("img", { alt: `The ${side} image`, draggable: false });
  const image = { element: img };
  image.loaded = arrives(img, src).then((isThere) => {
    if (!isThere) image.element = element("span", { className: "broken", textContent: MISSING });
    return isThere;
  });
  return image;
}

// A picture that a cut connection kept away comes when the connection is back.
async function arrives(img, src) {
  let wasAnswered = false;
  for (let tries = 0; tries < TRIES; tries++) {
    img.src = src;
    if (await img.decode().then(() => true, () => false)) return true;
    const answer = await fetch(src, { cache: "reload" }).catch(() => null);
    if (answer && (wasAnswered || !answer.ok)) return false;
    wasAnswered = Boolean(answer);
    if (!answer) await new Promise((resume) => setTimeout(resume, SLOW_MS));
  }
  return false;
}

function element(name, properties) {
  return Object.assign(document.createElement(name), properties);
}

function stop(event) {
  event.preventDefault();
  event.stopPropagation();
}
