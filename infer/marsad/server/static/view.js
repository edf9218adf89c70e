// A document on the page: the marked text, the legend, the cards, and the links between them.

import { marksOf } from "./document.js";
import { nameOf, number, percent, say } from "./strings.js";

const reading = document.getElementById("reading");
const cards = document.getElementById("events");
const legend = document.getElementById("legend");
const MOTION = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
let pinned = null; // the number of an event that stays lit

// Text only ever enters the page through `textContent` and text nodes.
function make(tag, { text, ...attributes } = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  element.append(...children);
  return element;
}

export function show(found, all, schema, hidden) {
  pinned = null;
  showLegend(all, found, schema, hidden);
  showText(found, schema, hidden);
  showCards(found, schema, hidden);
  light([]);
}

function showLegend(all, found, schema, hidden) {
  const counts = new Map();
  for (const { label } of found.entities) counts.set(label, (counts.get(label) ?? 0) + 1);
  for (const { type } of found.events) counts.set(type, (counts.get(type) ?? 0) + 1);
  const present = new Set([...all.entities.map((e) => e.label), ...all.events.map((e) => e.type)]);
  const labels = [...schema.entities, ...Object.keys(schema.events)];
  legend.replaceChildren(...labels.filter((label) => present.has(label)).map((label) => make(
    "button",
    {
      type: "button", "data-filter": label, "aria-pressed": String(!hidden.has(label)),
      class: schema.entities.includes(label) ? "filter" : "filter event", ...colour(label, schema),
    },
    make("span", { text: nameOf(label) }),
    make("span", { class: "count", text: number(counts.get(label) ?? 0) }),
  )));
}

function showText(found, schema, hidden) {
  const points = Array.from(found.text);
  const marks = marksOf(found).filter((mark) => !hidden.has(mark.label));
  const slice = (start, end) => points.slice(start, end).join("");
  const fill = (parent, start, end) => {
    let at = start;
    while (marks.length && marks[0].start < end) {
      const mark = marks.shift();
      const from = Math.max(mark.start, at);
      const to = Math.min(mark.end, end);
      if (to <= from) continue;
      const element = markElement(mark, schema, hidden, found);
      fill(element, from, to);
      parent.append(slice(at, from), element);
      at = to;
    }
    parent.append(slice(at, end));
  };
  reading.replaceChildren();
  let at = 0;
  for (const sentence of found.sentences) {
    fill(reading, at, sentence.start);
    const span = make("span", { class: "sentence" });
    fill(span, sentence.start, sentence.end);
    reading.append(span, ...sentence.classes.map((name) => make("span", {
      class: "class", ...colour(name, schema), title: percent(sentence.scores[name]),
      text: nameOf(name), lang: document.documentElement.lang,
    })));
    at = sentence.end;
  }
  fill(reading, at, points.length);
  reading.querySelector("[data-mark]")?.setAttribute("tabindex", "0");
}

function markElement(mark, schema, hidden, found) {
  const events = mark.events.filter((at) => !hidden.has(found.events[at].type));
  const numbers = events.map((at) => number(at + 1)).join("، ");
  const about = [mark.text, nameOf(mark.label), percent(mark.score)];
  if (numbers) about.push(say("inEvents", { numbers }));
  return make("mark", {
    class: mark.kind, role: "button", tabindex: "-1", ...colour(mark.label, schema),
    "data-mark": `${mark.kind}-${mark.index}`, "data-events": events.join(" "),
    "data-tag": mark.kind === "trigger" ? number(mark.index + 1) : nameOf(mark.label),
    title: about.slice(1).join(" · "), "aria-label": about.join("، "),
  });
}

function showCards(found, schema, hidden) {
  const shown = found.events.map((event, index) => ({ event, index }))
    .filter(({ event }) => !hidden.has(event.type));
  cards.replaceChildren(...shown.map(({ event, index }) => card(event, index, found, schema)));
  document.getElementById("no-events").hidden = shown.length > 0;
  document.getElementById("events-count").textContent = number(shown.length);
}

function card(event, index, found, schema) {
  const title = make("button", { type: "button", class: "go", "data-goto": `trigger-${index}` },
    make("span", { class: "number", text: number(index + 1) }),
    make("span", { class: "type", text: nameOf(event.type) }),
    make("bdi", { class: "word", lang: "ar", text: event.text }),
    make("span", { class: "score", text: percent(event.score) }));
  const roles = make("dl");
  for (const role of Object.keys(schema.roles)) {
    const fillers = event.arguments.filter((one) => one.role === role);
    if (!fillers.length) continue;
    roles.append(make("dt", { text: nameOf(role) }), make("dd", {}, ...fillers.map((one) => {
      const entity = found.entities[one.entity];
      return make("button", {
        type: "button", class: "filler", "data-goto": `entity-${one.entity}`,
        ...colour(entity.label, schema),
      }, make("bdi", { lang: "ar", text: entity.text }),
      make("span", { class: "score", text: percent(one.score) }));
    })));
  }
  return make("li", {
    class: "card", "data-event": index, ...colour(event.type, schema),
    "aria-label": say("event", { number: number(index + 1) }),
  }, title, roles);
}

// Twelve hues for entity labels, six for classes, which events take theirs from.
function colour(label, schema) {
  const entity = schema.entities.indexOf(label);
  if (entity >= 0) return { "data-hue": entity % 12 };
  return { "data-class": schema.classes.indexOf(schema.events[label] ?? label) % 6 };
}

function eventsOf(element) {
  const owner = element.closest("[data-events], [data-event]");
  if (!owner) return [];
  const listed = owner.dataset.event ?? owner.dataset.events;
  return listed.split(" ").filter(Boolean);
}

function light(events) {
  const chosen = new Set(events);
  document.getElementById("result").classList.toggle("focused", chosen.size > 0);
  for (const element of cards.children) {
    element.classList.toggle("lit", chosen.has(element.dataset.event));
    element.classList.toggle("pinned", element.dataset.event === pinned);
  }
  for (const mark of reading.querySelectorAll("[data-mark]")) {
    mark.classList.toggle("lit", eventsOf(mark).some((event) => chosen.has(event)));
  }
}

function pin(event) {
  pinned = event;
  light(event === null ? [] : [event]);
}

function goTo(element) {
  if (!element) return;
  if (element.matches("[data-mark]")) rove(element);
  element.focus({ preventScroll: true });
  element.scrollIntoView({ block: "center", behavior: MOTION });
}

function rove(mark) {
  reading.querySelector('[tabindex="0"]')?.setAttribute("tabindex", "-1");
  mark.setAttribute("tabindex", "0");
}

export function pinNumber(event) {
  if (cards.querySelector(`[data-event="${CSS.escape(event)}"]`)) pin(event);
}

export function pinnedNumber() {
  return pinned;
}

function openMark(mark) {
  const [event] = eventsOf(mark);
  if (event === undefined) return;
  pin(event);
  goTo(cards.querySelector(`[data-event="${event}"] .go`));
}

for (const root of [reading, cards]) {
  for (const kind of ["pointerover", "focusin"]) {
    root.addEventListener(kind, ({ target }) => {
      if (pinned === null) light(eventsOf(target));
    });
  }
  for (const kind of ["pointerleave", "focusout"]) {
    root.addEventListener(kind, () => {
      if (pinned === null) light([]);
    });
  }
}

reading.addEventListener("click", ({ target }) => {
  const mark = target.closest("[data-mark]");
  if (mark) openMark(mark);
  else pin(null);
});

reading.addEventListener("keydown", (press) => {
  const mark = press.target.closest("[data-mark]");
  if (!mark) return;
  const marks = [...reading.querySelectorAll("[data-mark]")];
  // In a text that runs to the left, the next word is on the left.
  const onward = getComputedStyle(reading).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
  const steps = { ArrowLeft: -1, ArrowRight: -1, ArrowUp: -1, ArrowDown: 1, [onward]: 1 };
  if (press.key in steps) {
    press.preventDefault();
    goTo(marks[marks.indexOf(mark) + steps[press.key]]);
  } else if (press.key === "Enter" || press.key === " ") {
    press.preventDefault();
    openMark(mark);
  }
});

cards.addEventListener("click", ({ target }) => {
  const { event } = target.closest("[data-event]")?.dataset ?? {};
  if (event === undefined) return;
  const place = target.closest("[data-goto]")?.dataset.goto;
  if (!place && pinned === event) {
    pin(null);
    return;
  }
  pin(event);
  if (place) goTo(reading.querySelector(`[data-mark="${place}"]`));
});

document.addEventListener("keydown", (press) => {
  if (press.key === "Escape") pin(null);
});
