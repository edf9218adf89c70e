// The page: takes a text, asks the server, and keeps what is shown in step with what is chosen.

import { above, toCsv } from "./document.js";
import { fromHash, toHash } from "./link.js";
import { LANGUAGES, has, nameOf, number, percent, say, speak, spoken } from "./strings.js";
import { pinNumber, pinnedNumber, show } from "./view.js";

const SAMPLES = ["airstrike", "town_changes_hands", "drone_attack", "street_bulletin", "no_conflict"];
const LONGEST_LINK = 16_000; // beyond it, mail and chat programs break links

const $ = (id) => document.getElementById(id);
const [text, sample, threshold, status] = ["text", "sample", "threshold", "status"].map($);
const state = { document: null, schema: null, hidden: new Set(), asking: null, sample: "", read: "" }; // read: the sample that document is of

async function ask() {
  state.asking?.abort(); // and the server stops reading what nobody waits for
  const asking = new AbortController();
  const read = state.sample;
  state.asking = asking;
  if (!text.value.trim()) return tell("empty");
  tell("working");
  document.body.classList.add("working");
  try {
    state.schema ??= (await fetchJson("info", {}, asking)).schema;
    const body = JSON.stringify({ documents: [{ id: "page", text: text.value }] });
    const answer = await fetchJson("v1/tag", { method: "POST", body }, asking);
    const [found] = answer.documents;
    if (found.error) throw found;
    state.document = found;
    state.read = read;
    showFound();
  } catch (error) {
    if (error.name !== "AbortError") tellError(error);
  } finally {
    if (state.asking === asking) document.body.classList.remove("working");
  }
}

async function fetchJson(address, options, { signal }) {
  const headers = { "Content-Type": "application/json" };
  if ($("key").value) { // headers hold bytes, of which a string has one a character
    headers.Authorization = `Bearer ${String.fromCharCode(...new TextEncoder().encode($("key").value))}`;
  }
  const response = await fetch(address, { ...options, headers, signal });
  const answer = await response.json();
  if (!response.ok) throw answer;
  return answer;
}

function showFound() {
  const found = current();
  $("threshold-value").textContent = percent(threshold.value / 100);
  show(found, state.document, state.schema, state.hidden);
  $("result").hidden = false;
  tell("summary", {
    sentences: number(found.sentences.length),
    entities: number(found.entities.length),
    events: number(found.events.length),
  });
}

function current() {
  return above(state.document, threshold.value / 100);
}

function tell(key, values) {
  status.textContent = say(key, values);
}

function tellError(error) {
  $("key-row").hidden &&= error.error !== "unauthorised";
  if (error.error === "unauthorised") $("key").focus();
  if (!error.error) tell("offline");
  else if (has(error.error)) tell(error.error);
  else tell("failed", { detail: error.detail });
}

function translate() {
  const language = spoken();
  document.documentElement.lang = language;
  document.documentElement.dir = language === "ar" ? "rtl" : "ltr";
  for (const element of document.querySelectorAll("[data-say]")) {
    element.textContent = say(element.dataset.say);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", say(element.dataset.label));
  }
  text.placeholder = say("hint");
  document.title = say("name");
  $("language").textContent = language === "ar" ? "English" : "العربية";
  $("language").lang = language === "ar" ? "en" : "ar";
  sample.replaceChildren(new Option(say("choose"), ""),
    ...SAMPLES.map((name) => new Option(nameOf(`${name}_txt`), name)));
  sample.value = state.sample;
  status.textContent = "";
  if (state.document) showFound();
}

async function useSample(name) {
  if (!SAMPLES.includes(name)) return;
  try {
    const response = await fetch(`static/samples/${name}.txt`);
    if (!response.ok) throw response;
    text.value = await response.text();
  } catch {
    return tell("offline");
  }
  state.sample = sample.value = name;
  await ask();
}

async function useFile(file) {
  let content;
  try {
    content = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    return tell("notText");
  }
  await useText(content);
}

async function useText(content) {
  text.value = content;
  state.sample = sample.value = "";
  await ask();
}

async function copy(content) {
  try {
    await navigator.clipboard.writeText(content);
    tell("copied");
  } catch { // no clipboard without https, except on this machine
    const area = document.createElement("textarea");
    area.value = content;
    document.body.append(area);
    area.select();
    tell(document.execCommand("copy") ? "copied" : "notCopied");
    area.remove();
  }
}

async function copyLink() {
  const view = { min: threshold.value, hide: [...state.hidden].join(" "), lang: spoken() };
  if (pinnedNumber() !== null) view.event = pinnedNumber();
  const hash = await toHash({ text: state.document.text, sample: state.read, ...view });
  if (hash.length > LONGEST_LINK) return tell("longLink");
  history.replaceState(null, "", hash);
  await copy(location.href);
}

async function follow() {
  let view;
  try {
    view = await fromHash(location.hash);
  } catch {
    return tell("badLink");
  }
  if (!view) return;
  if (LANGUAGES.includes(view.lang)) {
    speak(view.lang);
    translate();
  }
  threshold.value = view.min ?? 0;
  state.hidden = new Set((view.hide ?? "").split(" ").filter(Boolean));
  if (view.text) {
    text.value = view.text;
    await ask();
  } else {
    await useSample(view.sample);
  }
  if (view.event) pinNumber(view.event);
}

$("ask").addEventListener("submit", (submit) => {
  submit.preventDefault();
  ask();
});
text.addEventListener("input", () => {
  state.sample = sample.value = "";
});
text.addEventListener("keydown", (press) => {
  if (press.key === "Enter" && (press.ctrlKey || press.metaKey)) ask();
});
sample.addEventListener("change", () => useSample(sample.value));
$("file").addEventListener("change", ({ target }) => {
  if (target.files.length) useFile(target.files[0]);
  target.value = "";
});
threshold.addEventListener("input", showFound);
$("legend").addEventListener("click", ({ target }) => {
  const label = target.closest("[data-filter]")?.dataset.filter;
  if (!label) return;
  if (!state.hidden.delete(label)) state.hidden.add(label);
  showFound();
  document.querySelector(`[data-filter="${CSS.escape(label)}"]`).focus();
});
$("copy-json").addEventListener("click", () => copy(JSON.stringify(current(), null, 2)));
$("copy-csv").addEventListener("click", () => copy(toCsv(current(), Object.keys(state.schema.roles))));
$("copy-link").addEventListener("click", copyLink);
$("language").addEventListener("click", () => {
  speak(LANGUAGES.find((one) => one !== spoken()));
  translate();
});
addEventListener("dragover", (drag) => {
  drag.preventDefault();
  document.body.classList.add("dropping");
});
addEventListener("dragleave", (drag) => {
  if (!drag.relatedTarget) document.body.classList.remove("dropping");
});
addEventListener("drop", (drop) => {
  drop.preventDefault();
  document.body.classList.remove("dropping");
  const [file] = drop.dataTransfer.files;
  if (file) return useFile(file);
  const dropped = drop.dataTransfer.getData("text/plain");
  if (dropped) useText(dropped);
});
addEventListener("hashchange", follow);

translate();
follow();
