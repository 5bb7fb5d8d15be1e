/**
 * A small machine with a kernel of its own, for what the kernel of this one cannot do. Its root is the host's, below an
 * overlay in memory: all programs and this repository are there at the same paths, and nothing that it writes stays.
 * It is emulated, so it runs anywhere, 20 to 40 times slower than the host.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@slipway/kit/clock';
import { missingCapability } from '@slipway/kit/testing/capabilities';
import { ensureCloudKernel, knowsCloudKernel } from './cloud-kernel.ts';
import { writeInitrd } from './initrd.ts';
import { hasVirtiofsd, shareRoot } from './shared-root.ts';

export interface VmOptions {
  /** Shell text, run by `sh` as root, in `/`, with `TMPDIR` on a tmpfs. The machine ends with it. */
  readonly script: string;
  /** Environment of the script. */
  readonly env?: Readonly<Record<string, string>>;
  /** Kernel modules to load before the script, as `modprobe` names them. Others load on demand, as on any machine. */
  readonly modules?: readonly string[];
  /** Default 2048. */
  readonly memoryMib?: number;
  /** Default 2. */
  readonly cpus?: number;
  /** From the call to the end of the machine; then it is ended and an error thrown. */
  readonly timeoutMs: number;
  /** The script's output as it comes. */
  onOutput?(text: string): void;
}

export interface VmResult {
  /** Of the script. */
  readonly code: number;
  /** What the script printed on both its streams. */
  readonly output: string;
  /** What the kernel and process 1 said. */
  readonly console: string;
  readonly durationMs: number;
}

/** What a test with a machine needs; the first thing that is not there. */
export function missingForVm(): string | undefined {
  const programs = ['qemu-system-x86_64', 'busybox', 'apt-get', 'dpkg-deb', 'ip', 'stty', 'setsid'];
  const missing = missingCapability({ root: true, programs });
  if (missing !== undefined) return missing;
  if (!hasVirtiofsd()) return 'virtiofsd';
  return knowsCloudKernel() ? undefined : "Debian's linux-image-cloud-amd64";
}

/** Boots, runs the script to its end, and answers what it printed. Throws when the machine ends without its exit code. */
export async function bootVm(options: VmOptions): Promise<VmResult> {
  const startedMs = performance.now();
  const kernel = await ensureCloudKernel();
  const folder = await mkdtemp(join(tmpdir(), 'slipway-vm-boot-'));
  const environment = {
    VM_KERNEL_MODULES: kernel.modules,
    VM_MODULES: (options.modules ?? []).join(' '),
    // The guest ends by itself too, should nobody be left to end it.
    VM_TIMEOUT_SECONDS: String(Math.ceil(options.timeoutMs / 1000) + 5),
    ...options.env,
  };
  try {
    const initrd = await writeInitrd(folder, { kernel, script: options.script, environment });
    const root = await shareRoot(folder);
    try {
      const leftMs = options.timeoutMs - (performance.now() - startedMs);
      const { output, complaint } = await runQemu(
        qemuArguments(options, { folder, kernel: kernel.image, initrd, socket: root.socket }),
        leftMs,
        options.onOutput,
      );
      const console = await readFile(join(folder, 'console'), 'utf8').catch(() => '');
      const code = await readFile(join(folder, 'exit-code'), 'utf8').catch(() => '');
      if (!/^\d+\s*$/.test(code)) {
        throw new Error(
          `the virtual machine ${complaint || 'ended before its script'}\n-- output\n${tail(output)}\n-- console\n${tail(console)}`,
        );
      }
      return { code: Number(code), output, console, durationMs: performance.now() - startedMs };
    } finally {
      root.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const tail = (text: string) => text.slice(-6000);

interface Machine {
  readonly folder: string;
  readonly kernel: string;
  readonly initrd: string;
  readonly socket: string;
}

function qemuArguments(options: VmOptions, { folder, kernel, initrd, socket }: Machine): string[] {
  const memory = `${options.memoryMib ?? 2048}M`;
  return [
    ...['-accel', 'tcg,thread=multi', '-machine', 'q35'],
    // Protection keys cost the emulator a flush of its address cache at every switch, and V8 switches all the time.
    ...['-cpu', 'max,-pku', '-smp', String(options.cpus ?? 2), '-m', memory],
    // virtiofsd reads and writes the guest's memory.
    ...['-object', `memory-backend-memfd,id=memory,size=${memory},share=on`, '-numa', 'node,memdev=memory'],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...[
      '-serial',
      `file:${join(folder, 'console')}`,
      '-serial',
      'stdio',
      '-serial',
      `file:${join(folder, 'exit-code')}`,
    ],
    ...[
      '-chardev',
      `socket,id=root,path=${socket}`,
      '-device',
      'vhost-user-fs-pci,chardev=root,tag=host,queue-size=1024',
    ],
    // A card with an address and a gateway, and nothing behind it.
    ...['-netdev', 'user,id=net,restrict=on', '-device', 'virtio-net-pci,netdev=net,romfile='],
    ...['-kernel', kernel, '-initrd', initrd],
    // Guards against speculation cost an emulated machine much and protect nothing.
    ...['-append', 'console=ttyS0 quiet panic=-1 mitigations=off nopti net.ifnames=0 random.trust_cpu=on'],
  ];
}

interface QemuEnd {
  readonly output: string;
  /** Why it did not end well; empty when it did. */
  readonly complaint: string;
}

/** How much of a script's output is kept. */
const outputCharactersMax = 4 * 1024 * 1024;

function runQemu(args: readonly string[], timeoutMs: number, onOutput?: (text: string) => void): Promise<QemuEnd> {
  return new Promise((resolve, reject) => {
    const qemu = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let errors = '';
    let timedOut = false;
    const cancel = systemClock.after(timeoutMs, () => {
      timedOut = true;
      qemu.kill('SIGKILL');
    });
    qemu.stdout.setEncoding('utf8');
    qemu.stdout.on('data', (text: string) => {
      output = (output + text).slice(-outputCharactersMax);
      onOutput?.(text);
    });
    qemu.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    qemu.once('error', (error) => {
      cancel();
      reject(error);
    });
    qemu.once('close', (code) => {
      cancel();
      const complaint = timedOut
        ? `was not done in time, with ${Math.round(timeoutMs)} ms for its own part`
        : code === 0
          ? ''
          : `ended with ${code}: ${errors}`;
      resolve({ output, complaint });
    });
  });
}
