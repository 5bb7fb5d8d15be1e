/**
 * Cuts a byte stream into lines without copying what is whole within a chunk. A line that crosses chunks is joined
 * once, when its end arrives, so a long line costs as much as it is long.
 */
export class LineSplitter {
  readonly #lineBytesMax: number;
  #parts: Buffer[] = [];
  #partBytes = 0;

  /** Past `lineBytesMax` bytes without a line end `push` throws: the peer speaks something else. */
  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  /** The lines that this chunk completes, without their ends; empty lines are left out. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      const line = this.#complete(chunk.subarray(start, end));
      if (line !== '') lines.push(line);
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
    return lines;
  }

  #complete(tail: Buffer): string {
    if (this.#partBytes === 0) return tail.toString();
    const line = Buffer.concat([...this.#parts, tail]).toString();
    this.#parts = [];
    this.#partBytes = 0;
    return line;
  }

  #keep(part: Buffer): void {
    this.#partBytes += part.length;
    if (this.#partBytes > this.#lineBytesMax) throw new Error(`line longer than ${this.#lineBytesMax} bytes`);
    this.#parts.push(part);
  }
}
