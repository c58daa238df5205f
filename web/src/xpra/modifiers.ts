/** What a keyboard or mouse event tells of the modifier keys. */
export interface ModifierSource {
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
  readonly altKey: boolean;
  readonly metaKey: boolean;
  getModifierState(key: string): boolean;
}

/**
 * The modifiers of an event under X11's names, as Xpra from 6.5 on wants them.
 *
 * The client library translates by a table from the server's first message, which has none any
 * more: with its own words (`alt`) every shortcut that has Alt in it was lost. The numbers are those of
 * the usual keyboard maps of X11. On a Mac the Command key is what Control is elsewhere.
 */
export function modifiersOf(event: ModifierSource, isMac: boolean): string[] {
  // Windows reports AltGr as Control and Alt; a Mac's Option key types what AltGr does.
  const isAltGraph = event.getModifierState("AltGraph") || (isMac && event.altKey);
  const isControl = (event.ctrlKey && !isAltGraph) || (isMac && event.metaKey);
  const states: readonly (readonly [string, boolean])[] = [
    ["shift", event.shiftKey],
    ["lock", event.getModifierState("CapsLock")],
    ["control", isControl],
    ["mod1", event.altKey && !isAltGraph],
    ["mod2", event.getModifierState("NumLock")],
    ["mod4", event.metaKey && !isMac],
    ["mod5", isAltGraph],
  ];
  return states.filter(([, isOn]) => isOn).map(([name]) => name);
}

/** The name of a key; on a Mac Command becomes Control. */
export function keyNameOn(isMac: boolean, name: string): string {
  return isMac && /^(?:Meta|Super|OS)/.test(name) ? "Control_L" : name;
}
