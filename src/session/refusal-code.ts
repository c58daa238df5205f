/** Codes of the broker and exit codes of the hook: part of the protocol that sites' own scripts speak. */
export const RefusalCode = {
  failed: 1,
  noSuchType: 4,
  notConfigured: 5,
  unknownUser: 6,
} as const;

export type RefusalCode = (typeof RefusalCode)[keyof typeof RefusalCode];
