const [bencode, rencodeplus] = [0, 0x10];

/** What Xpra's decoders do not survive: the encoding's flag, bytes in hexadecimal, how often they come, and whether compressed. */
export const hostilePackets: readonly (readonly [number, string, number, boolean])[] = [
  [rencodeplus, "c1", 30_000, true],
  [rencodeplus, "3b", 100_000, false],
  [rencodeplus, `3b${"66".repeat(100_000)}`, 1, true],
  [bencode, "6c", 100_000, true],
  [bencode, "64313a61", 60_000, true],
  [bencode, Buffer.from("900000000:").toString("hex"), 1, false],
  // A packet whose type is a list.
  [rencodeplus, "c1c1896368616c6c656e6765", 1, false],
];
