import { closeSync, constants, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { ReadStream } from 'node:tty';
import type { TerminalSize } from '../../cri.ts';
import { checked, libc } from './libc.ts';

const TIOCSWINSZ = 0x5414;
const TCSANOW = 0;
/** Larger than struct termios of any C library. */
const termiosBytes = 256;

export interface Pty {
  /** Both directions of the terminal's outer end. Ends when the inner end has been closed by all. */
  readonly stream: ReadStream;
  /** Inner end for a child's standard streams; close it with `closeInner` once the child has been started. */
  readonly innerFd: number;
  closeInner(): void;
  resize(size: TerminalSize): void;
}

/** A pseudo terminal in raw mode: the program inside the container has a terminal of its own that does the editing. */
export function openPty(): Pty {
  const outerFd = checked(libc().posixOpenpt(constants.O_RDWR | constants.O_NOCTTY), 'open a pseudo terminal');
  checked(libc().grantpt(outerFd), 'grant the pseudo terminal');
  checked(libc().unlockpt(outerFd), 'unlock the pseudo terminal');
  const name = Buffer.alloc(64);
  checked(libc().ptsnameR(outerFd, name, name.length), 'name the pseudo terminal');
  const path = name.toString('utf8', 0, name.indexOf(0));
  const innerFd = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
  const termios = Buffer.alloc(termiosBytes);
  checked(libc().tcgetattr(innerFd, termios), 'read the terminal mode');
  libc().cfmakeraw(termios);
  checked(libc().tcsetattr(innerFd, TCSANOW, termios), 'set the terminal mode');
  return {
    stream: new ReadStream(outerFd),
    innerFd,
    closeInner: () => closeSync(innerFd),
    resize: (size) => setTerminalSize(outerFd, size),
  };
}

function setTerminalSize(fd: number, { width, height }: TerminalSize): void {
  const size = Buffer.alloc(8); // struct winsize: rows, columns, then two that nobody uses
  size.writeUInt16LE(height, 0);
  size.writeUInt16LE(width, 2);
  checked(libc().ioctl(fd, TIOCSWINSZ, size), 'resize the terminal');
}

/** Resizes the terminal that is a process's standard input; its foreground programs get SIGWINCH. */
export async function resizeTerminalOf(pid: number, size: TerminalSize): Promise<void> {
  const terminal = await open(`/proc/${pid}/fd/0`, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  try {
    setTerminalSize(terminal.fd, size);
  } finally {
    await terminal.close();
  }
}
