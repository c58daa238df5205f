/** Which character each key of the keyboard gives without modifiers, by the key's name in the browser. */
export type KeyLegends = ReadonlyMap<string, string>;

/** Regions whose keyboards differ from those of their language. */
const ofRegion: Readonly<Record<string, string>> = {
  "en-gb": "gb",
  "en-ie": "ie",
  "de-ch": "ch",
  "fr-ch": "ch",
  "fr-ca": "ca",
  "fr-be": "be",
  "nl-be": "be",
  "pt-br": "br",
  "es-es": "es",
};

const ofLanguage: Readonly<Record<string, string>> = {
  ar: "ara",
  cs: "cz",
  da: "dk",
  el: "gr",
  es: "latam",
  et: "ee",
  he: "il",
  ja: "jp",
  nb: "no",
  nn: "no",
  sl: "si",
  sr: "rs",
  sv: "se",
  uk: "ua",
  en: "us",
  nl: "us",
};

/** Languages whose keyboard in X11 has the same name. */
const sameName = new Set(["de", "fr", "it", "pt", "fi", "pl", "sk", "hu", "ro", "hr", "tr", "ru", "bg", "lt", "lv", "is", "no"]);

/** What is printed on four keys that tell keyboards apart: Q, Y, the key right of L, the one right of 0. */
const ofLegends: Readonly<Record<string, string>> = {
  "q y ; -": "us",
  "q z ö ß": "de",
  "q z ö '": "ch",
  "q z é '": "ch",
  "a y m )": "fr",
  "q y ö +": "se",
  "q y æ +": "dk",
  "q y ø +": "no",
  "q y ñ '": "es",
  "q y ò '": "it",
  "q y ç '": "pt",
  "q y ç -": "br",
};

/** The keyboard of a language, under the name that X11 has for it. */
export function layoutOfLanguage(language: string): string {
  const tag = language.toLowerCase().replace("_", "-");
  const [short = ""] = tag.split("-");
  return ofRegion[tag] ?? ofLanguage[short] ?? (sameName.has(short) ? short : "us");
}

/**
 * The keyboard of the user, under the name that X11 has for it.
 *
 * Where the browser tells what is on the keys that decides; elsewhere the user's language does.
 */
export function layoutOf(language: string, legends: KeyLegends | null): string {
  const guess = layoutOfLanguage(language);
  if (legends === null) return guess;
  const seen = ["KeyQ", "KeyY", "Semicolon", "Minus"].map((code) => legends.get(code) ?? "").join(" ");
  const known = ofLegends[seen];
  // A British keyboard has the same four keys as an American one.
  if (known === "us" && legends.get("Backslash") === "#") return "gb";
  return known ?? guess;
}

interface KeyboardOfBrowser {
  getLayoutMap?(): Promise<KeyLegends>;
}

/** Finds the keyboard's layout; never fails. */
export async function findLayout(): Promise<string> {
  const { keyboard } = navigator as unknown as { keyboard?: KeyboardOfBrowser };
  const legends = await keyboard?.getLayoutMap?.().catch(() => null);
  return layoutOf(navigator.language, legends ?? null);
}
