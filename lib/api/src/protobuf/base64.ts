/** What the engine has since its base64 proposal, and what the type library does not know yet. */
interface Base64Bytes {
  toBase64(): string;
}

interface Base64Constructor {
  fromBase64(text: string): Uint8Array;
}

export function toBase64(bytes: Uint8Array): string {
  return (bytes as unknown as Base64Bytes).toBase64();
}

/** Throws SyntaxError. */
export function fromBase64(text: string): Uint8Array {
  return (Uint8Array as unknown as Base64Constructor).fromBase64(text);
}
