import { spawn } from 'node:child_process';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { systemClock } from '@slipway/kit/clock';
import { findProgram } from '@slipway/kit/testing/capabilities';

/** kubectl binaries on this machine, oldest first; the plain one alone where no versioned ones lie beside it. */
export function kubectlVersions(): string[] {
  const plain = findProgram('kubectl');
  if (!plain) return [];
  const folder = dirname(realpathSync(plain));
  const folders = [folder, join(folder, '..', 'bin')].filter(existsSync);
  const versioned = folders.flatMap((path) =>
    readdirSync(path)
      .filter((name) => /^kubectl\.1\.\d+$/.test(name))
      .map((name) => join(path, name)),
  );
  const minor = (path: string) => Number(path.split('.').at(-1));
  const sorted = [...new Set(versioned)].sort((a, b) => minor(a) - minor(b));
  return sorted.length > 0 ? sorted : [plain];
}

/** The oldest and the newest, once if they are the same. */
export function kubectlEnds(): string[] {
  const all = kubectlVersions();
  return [...new Set([all[0], all.at(-1)])].filter((path) => path !== undefined);
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** How long one command may take before the harness gives up on it. */
const commandTimeoutMs = 120_000;

/** Runs a program to its end, whatever its exit code. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, ...options.env }, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    const cancel = systemClock.after(options.timeoutMs ?? commandTimeoutMs, () => {
      child.kill('SIGKILL');
      reject(new Error(`${program} ${args.join(' ')} took too long\n${stdout}\n${stderr}`));
    });
    child.once('error', reject);
    child.once('close', (code) => {
      cancel();
      resolve({ code: code ?? -1, stdout, stderr });
    });
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}
