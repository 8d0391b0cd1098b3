// Looking closer: one zoom and one place for both images, or one image in the place of the other.
//
// stage.js uses it; Streamlit takes a component's script as one text, so both are joined.

const DEEPEST = 16; // times as large as the frame shows it
const STEP = 1.5;
const DRAG_PX = 4; // a smaller movement is a click

class Loupe {
  constructor(root, signal) {
    this.root = root;
    this.pointers = new Map();
    this.isFlipping = false;
    const frames = root.querySelector(".frames");
    const on = (name, act) => frames.addEventListener(name, act, { signal, passive: false });
    on("wheel", (event) => this.onWheel(event));
    on("pointerdown", (event) => this.onDown(event));
    on("pointermove", (event) => this.onMove(event));
    on("pointerup", (event) => this.pointers.delete(event.pointerId));
    on("pointercancel", (event) => this.pointers.delete(event.pointerId));
    on("lostpointercapture", (event) => this.pointers.delete(event.pointerId));
    this.reset();
  }

  // Every pair is seen whole first, and the left image first.
  reset() {
    [this.zoom, this.x, this.y] = [1, 0, 0];
    this.hasMoved = false;
    this.side = "left";
    this.apply();
  }

  act(name) {
    if (name === "flip") this.flip();
    else if (name === "whole") this.reset();
    else this.zoomBy(name === "closer" ? STEP : 1 / STEP);
  }

  flip() {
    this.side = this.isFlipping && this.side === "left" ? "right" : "left";
    this.isFlipping = true;
    this.apply();
  }

  sideBySide() {
    this.isFlipping = false;
    this.apply();
  }

  // `at` is a point of the frame, from its middle, that stays where it is.
  zoomBy(factor, at = { x: 0, y: 0 }) {
    const zoom = Math.min(DEEPEST, Math.max(1, this.zoom * factor));
    const grown = zoom / this.zoom;
    this.x = at.x - (at.x - this.x) * grown;
    this.y = at.y - (at.y - this.y) * grown;
    this.zoom = zoom;
    this.apply();
  }

  onWheel(event) {
    if (event.ctrlKey || !event.deltaY) return; // the browser's own zoom stays the browser's
    event.preventDefault();
    this.zoomBy(STEP ** (-event.deltaY / 120), fromMiddle(event));
  }

  onDown(event) {
    if (!this.pointers.size) this.hasMoved = false;
    this.pointers.set(event.pointerId, event);
  }

  onMove(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const others = [...this.pointers.values()].filter((other) => other !== before);
    const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
    if (others.length) this.pinch(others[0], before, event);
    else if (this.zoom === 1 || (!this.hasMoved && Math.hypot(dx, dy) < DRAG_PX)) return;
    else [this.x, this.y] = [this.x + dx, this.y + dy];
    this.hasMoved = true;
    event.target.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, event);
    this.apply();
  }

  pinch(other, before, after) {
    const apart = (event) => Math.hypot(event.clientX - other.clientX, event.clientY - other.clientY);
    if (apart(before)) this.zoomBy(apart(after) / apart(before), fromMiddle(after));
  }

  apply() {
    const frames = this.root.querySelectorAll(".frame");
    const reach = (size) => (size * (this.zoom - 1)) / 2; // an edge never comes past the middle
    const { clientWidth, clientHeight } = frames[0];
    this.x = Math.min(reach(clientWidth), Math.max(-reach(clientWidth), this.x));
    this.y = Math.min(reach(clientHeight), Math.max(-reach(clientHeight), this.y));
    for (const frame of frames) {
      const content = frame.firstElementChild;
      if (content) content.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.zoom})`;
    }
    this.root.classList.toggle("zoomed", this.zoom > 1);
    this.root.classList.toggle("flipping", this.isFlipping);
    this.root.dataset.side = this.isFlipping ? this.side : "";
  }
}

function fromMiddle(event) {
  const box = event.target.closest(".frame")?.getBoundingClientRect();
  if (!box) return { x: 0, y: 0 };
  return { x: event.clientX - box.x - box.width / 2, y: event.clientY - box.y - box.height / 2 };
}
