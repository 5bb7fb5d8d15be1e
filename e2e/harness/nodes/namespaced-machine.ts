/**
 * A machine of its own as far as a node needs one: namespaces for network, mounts, processes and the host name, held by
 * one process that waits for the end of its input. When that process ends, so does everything inside, with all
 * interfaces, mounts and rules; and it ends when the test's process ends, however that comes.
 */
import { readFile } from 'node:fs/promises';
import { type Ran, type RunOptions, run } from '../kubectl.ts';
import { RunningProgram } from '../running-program.ts';

const startTimeoutMs = 10_000;

/** First process of the namespaces. As a shell it takes in the processes that lose their parents. */
const holder = `
set -e
read -r outer rest < /proc/self/stat
scratch=$1
mkdir -p "$scratch"
mount -t tmpfs none "$scratch"
mkdir "$scratch/cgroup"
mount --rbind /sys/fs/cgroup "$scratch/cgroup"
mount -t sysfs none /sys
mount --rbind "$scratch/cgroup" /sys/fs/cgroup
umount -l "$scratch"
mount -t proc proc /proc
mount -t tmpfs none /run
printf 'nameserver %s\\n' "$3" > /run/resolv.conf
mount --bind /run/resolv.conf /etc/resolv.conf
hostname "$2"
ip link set lo up
echo "held by $outer"
while read -r line; do :; done
`;

export interface NamespacedMachineOptions {
  readonly name: string;
  /** A folder that may be made and is empty afterwards. */
  readonly scratch: string;
  /** Goes into /etc/resolv.conf. */
  readonly nameserver: string;
}

export class NamespacedMachine {
  readonly name: string;
  /** Of the first process inside, as seen from outside: `ip link set X netns PID`. */
  readonly pid: number;
  readonly #holder: RunningProgram;

  private constructor(name: string, pid: number, holding: RunningProgram) {
    this.name = name;
    this.pid = pid;
    this.#holder = holding;
  }

  static async start({ name, scratch, nameserver }: NamespacedMachineOptions): Promise<NamespacedMachine> {
    const unshare = ['--net', '--mount', '--uts', '--pid', '--fork', '--kill-child', '--propagation', 'private'];
    const args = [...unshare, 'bash', '-c', holder, 'holder', scratch, name, nameserver];
    const holding = new RunningProgram('unshare', args, { holdsInput: true });
    const [, pid] = await holding.says(/^held by (\d+)$/m, startTimeoutMs);
    return new NamespacedMachine(name, Number(pid), holding);
  }

  /** Program and arguments that run a command inside. */
  inside(program: string, ...args: readonly string[]): [string, ...string[]] {
    return ['nsenter', '--target', String(this.pid), '--net', '--mount', '--uts', '--pid', '--', program, ...args];
  }

  /** Runs a program inside to its end, whatever its exit code. */
  run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
    const [enter, ...rest] = this.inside(program, ...args);
    return run(enter, rest, options);
  }

  /** Runs a program inside; throws with what it printed when it fails. Answers standard output. */
  async exec(program: string, ...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(program, args);
    if (code === 0) return stdout;
    throw new Error(`${this.name}: ${program} ${args.join(' ')}: exit code ${code}\n${stderr}\n${stdout}`);
  }

  /** One `ip -batch` in the network of the machine; processes are named as outside (`netns PID`). */
  async ip(...lines: string[]): Promise<void> {
    const args = ['--target', String(this.pid), '--net', '--', 'ip', '-batch', '-'];
    const ran = await run('nsenter', args, { input: `${lines.join('\n')}\n` });
    if (ran.code !== 0) throw new Error(`${this.name}: ip ${lines.join('; ')}: ${ran.stderr}`);
  }

  /** Starts a program inside that goes on running. `child` is the one that enters; `signal` reaches the program itself. */
  start(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): InsideProcess {
    const [enter, ...rest] = this.inside(program, ...args);
    return new InsideProcess(enter, rest, { env });
  }

  /** Ends everything inside, at once. */
  async remove(): Promise<void> {
    if (!this.#holder.isRunning) return;
    process.kill(this.pid, 'SIGKILL'); // its parent has waited for all of it when it ends
    await this.#holder.ended;
  }
}

/** `child` is the process that enters; what it waits for is the program itself. */
export class InsideProcess extends RunningProgram {
  /** The program's process id as seen from outside; undefined before it runs. */
  async #innerPid(): Promise<number | undefined> {
    const path = `/proc/${this.pid}/task/${this.pid}/children`;
    const [first] = (await readFile(path, 'utf8').catch(() => '')).trim().split(' ');
    return first ? Number(first) : undefined;
  }

  /** Sends the signal to the program and waits for the end. Answers the exit code as `nsenter` hands it on. */
  override async end(signal: NodeJS.Signals): Promise<number | null> {
    const pid = await this.#innerPid();
    if (pid !== undefined && this.isRunning) process.kill(pid, signal);
    return await this.ended;
  }
}
