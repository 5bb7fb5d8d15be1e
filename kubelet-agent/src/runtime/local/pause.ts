/**
 * The process that holds the shared PID namespace of a pod and, being its PID 1, ends what orphans leave behind. It
 * must be an ordinary program in an empty root: with anything of the host in its root, a container that may trace could
 * look into the host through /proc/1/root. So it is a static executable of a few dozen instructions, written here:
 *
 *   rt_sigaction(SIGCHLD, {SIG_IGN}, 0, 8)    children vanish without being waited for
 *   for (;;) ppoll(0, 0, 0, 0)                sleep
 */
const SIGCHLD = 17;

/** Machine code with the offset of a zeroed `struct sigaction` whose first word is to become SIG_IGN (1). */
interface PauseCode {
  readonly machine: number;
  readonly code: readonly number[];
}

const loadAddress = 0x400000;
const headerBytes = 64 + 56;
/** The sigaction structure follows the code at a fixed place. */
const dataOffset = headerBytes + 64;

const x64: PauseCode = {
  machine: 62,
  code: [
    0xb8,
    0x0d,
    0x00,
    0x00,
    0x00, // mov eax, 13 (rt_sigaction)
    0xbf,
    SIGCHLD,
    0x00,
    0x00,
    0x00, // mov edi, SIGCHLD
    0xbe,
    ...word(loadAddress + dataOffset), // mov esi, address of the structure
    0x31,
    0xd2, // xor edx, edx
    0x41,
    0xba,
    0x08,
    0x00,
    0x00,
    0x00, // mov r10d, 8 (size of a signal set)
    0x0f,
    0x05, // syscall
    0xb8,
    0x22,
    0x00,
    0x00,
    0x00, // loop: mov eax, 34 (pause)
    0x0f,
    0x05, // syscall
    0xeb,
    0xf7, // jmp loop
  ],
};

const arm64: PauseCode = {
  machine: 183,
  code: [
    ...word(movz(8, 134)), // mov x8, 134 (rt_sigaction)
    ...word(movz(0, SIGCHLD)),
    ...word(movz(1, dataOffset)),
    ...word(movkHigh(1, loadAddress >>> 16)),
    ...word(movz(2, 0)),
    ...word(movz(3, 8)),
    ...word(0xd4000001), // svc 0
    ...word(movz(0, 0)), // loop: ppoll(0, 0, 0, 0)
    ...word(movz(1, 0)),
    ...word(movz(2, 0)),
    ...word(movz(3, 0)),
    ...word(movz(8, 73)),
    ...word(0xd4000001), // svc 0
    ...word(0x14000000 | (-6 & 0x3ffffff)), // b loop
  ],
};

const codes: Readonly<Record<string, PauseCode>> = { x64, arm64 };

/** A static ELF executable for Node's name of an architecture; undefined where none is written down. */
export function pauseExecutable(arch: string): Buffer | undefined {
  const pause = codes[arch];
  if (!pause) return undefined;
  const file = Buffer.alloc(dataOffset + 32);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // magic, 64 bit, little endian, version
  file.writeUInt16LE(2, 16); // ET_EXEC
  file.writeUInt16LE(pause.machine, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(loadAddress + headerBytes), 24); // entry point
  file.writeBigUInt64LE(64n, 32); // program headers
  file.writeUInt16LE(64, 52); // size of this header
  file.writeUInt16LE(56, 54); // size of a program header
  file.writeUInt16LE(1, 56); // number of them
  file.writeUInt32LE(1, 64); // PT_LOAD
  file.writeUInt32LE(5, 68); // readable, executable
  file.writeBigUInt64LE(BigInt(loadAddress), 80);
  file.writeBigUInt64LE(BigInt(loadAddress), 88);
  file.writeBigUInt64LE(BigInt(file.length), 96);
  file.writeBigUInt64LE(BigInt(file.length), 104);
  file.writeBigUInt64LE(0x10000n, 112);
  file.set(pause.code, headerBytes);
  file.writeBigUInt64LE(1n, dataOffset); // SIG_IGN
  return file;
}

function word(value: number): number[] {
  return [0, 8, 16, 24].map((shift) => (value >>> shift) & 0xff);
}

function movz(register: number, value: number): number {
  return (0xd2800000 | ((value & 0xffff) << 5) | register) >>> 0;
}

/** Puts a value into bits 16 to 31 of a register and keeps the others. */
function movkHigh(register: number, value: number): number {
  return (0xf2a00000 | ((value & 0xffff) << 5) | register) >>> 0;
}
