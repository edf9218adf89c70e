// What the page says, in Arabic and English, and the names of the labels of schema conflict-v1.

const SAY = {
  ar: {
    skip: "إلى النص", name: "مرصد", tagline: "مَن فعل ماذا بمَن، وأين، ومتى", docs: "للمبرمجين",
    text: "نص الخبر", sample: "مثال", choose: "اختر…", hint: "الصق خبراً هنا، أو أفلت ملفاً نصياً",
    key: "مفتاح الخادم", read: "اقرأ الخبر", file: "اختر ملفاً", result: "ما وُجد في النص",
    filters: "ما يُعرض", threshold: "أدنى ثقة", json: "نسخ JSON", csv: "نسخ الأحداث CSV",
    link: "نسخ الرابط", reading: "النص", keys: "الأسهم تنتقل بين الكلمات، وEnter إلى الحدث",
    events: "الأحداث", none: "لا حدث في النص بهذه الثقة.",
    foot: "آلةٌ تقرأ وتخطئ: النسبة بجانب كل نتيجة هي ثقتها بها. راجع النص قبل أن تبني عليها.",
    working: "يُقرأ النص…", copied: "نُسخ.", notCopied: "تعذّر النسخ.", empty: "لا نص هنا بعد.",
    summary: "الجمل: {sentences} · الأسماء: {entities} · الأحداث: {events}",
    event: "حدث {number}", inEvents: "في الحدث {numbers}",
    notText: "ليس الملف نصاً بترميز UTF-8.", offline: "لا يجيب الخادم.",
    badLink: "لا يُفهم هذا الرابط.", longLink: "النص أطول من أن يوضع في رابط.",
    busy: "الخادم مشغول، أعد المحاولة بعد قليل.", too_large: "النص أطول مما يقبله الخادم.",
    unauthorised: "يطلب الخادم مفتاحاً.", failed: "تعذّرت القراءة: {detail}",
  },
  en: {
    skip: "To the text", name: "Marsad", tagline: "Who did what to whom, where and when",
    docs: "For programs", text: "The news", sample: "Sample", choose: "Choose…",
    hint: "Paste Arabic news here, or drop a text file", key: "Key of the server",
    read: "Read the news", file: "Choose a file", result: "What was found in the text",
    filters: "What is shown", threshold: "Least score", json: "Copy JSON", csv: "Copy events as CSV",
    link: "Copy link", reading: "Text", keys: "Arrows move between words, Enter to the event",
    events: "Events", none: "No event in the text with such a score.",
    foot: "A machine read this, and it errs: each result shows how sure it is. Look at the text before you build on it.",
    working: "Reading…", copied: "Copied.", notCopied: "Could not copy.", empty: "There is no text yet.",
    summary: "Sentences: {sentences} · names: {entities} · events: {events}",
    event: "Event {number}", inEvents: "in event {numbers}",
    notText: "The file is no UTF-8 text.", offline: "The server does not answer.",
    badLink: "This link makes no sense.", longLink: "The text is too long for a link.",
    busy: "The server is busy; try again shortly.", too_large: "The text is longer than the server takes.",
    unauthorised: "The server asks for a key.", failed: "Could not read it: {detail}",
  },
};

const NAMES = {
  PER: ["شخص", "person"], ARMED: ["قوة مسلحة", "armed actor"], ORG: ["مؤسسة", "organisation"],
  LOC: ["مكان", "place"], FAC: ["منشأة", "facility"], WEAPON: ["سلاح", "weapon"],
  DATE: ["زمن", "time"], VICTIM: ["ضحايا", "victims"],
  AIRSTRIKE: ["غارة جوية", "Airstrike"], ATTACK: ["هجوم", "Attack"],
  TERRITORIAL_GAIN: ["تقدّم ميداني", "Territorial gain"], KILLED: ["قتلى", "Killed"],
  INJURED: ["جرحى", "Injured"],
  attack: ["هجوم", "attack"], airstrike: ["غارة جوية", "airstrike"],
  territorial_gain: ["تقدّم ميداني", "territorial gain"], casualty: ["خسائر بشرية", "casualties"],
  actor: ["الفاعل", "Actor"], target: ["الهدف", "Target"], place: ["المكان", "Place"],
  time: ["الزمن", "Time"], weapon: ["السلاح", "Weapon"], victim: ["الضحايا", "Victims"],
  airstrike_txt: ["غارات على إدلب", "Airstrikes on Idlib"],
  drone_attack_txt: ["مسيّرات على قاعدة", "Drones on a base"],
  street_bulletin_txt: ["قصف حي في تعز", "A quarter of Taiz shelled"],
  town_changes_hands_txt: ["استعادة بلدة", "A town changes hands"],
  no_conflict_txt: ["موجز بلا حرب", "A bulletin without war"],
};

export const LANGUAGES = Object.keys(SAY);
let language = "ar";

export function speak(chosen) {
  language = chosen;
}

export function spoken() {
  return language;
}

// Arabic's digits, and its percent sign, where Arabic is spoken.
export function number(value, options) {
  return new Intl.NumberFormat(language === "ar" ? "ar-EG" : "en", options).format(value);
}

export function percent(score) {
  return number(score, { style: "percent" });
}

export function say(key, values = {}) {
  return SAY[language][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export function has(key) {
  return key in SAY[language];
}

// Labels of another schema are their own names.
export function nameOf(label) {
  return Object.hasOwn(NAMES, label) ? NAMES[label][LANGUAGES.indexOf(language)] : label;
}
