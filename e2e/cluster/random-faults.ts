import { systemClock } from '@slipway/kit/clock';
import type { Random } from '@slipway/kit/random';
import type { ClusterOfProcesses } from './cluster-of-processes.ts';
import { memberCount } from './etcd-members.ts';

/** At most one member and one server is away at a time, as a cluster of this size promises to bear. */
export async function breakThings(
  { members, servers }: ClusterOfProcesses,
  random: Random,
  { forMs, signal }: { readonly forMs: number; readonly signal: AbortSignal },
): Promise<string[]> {
  const done: string[] = [];
  const untilMs = performance.now() + forMs;
  const pause = (leastMs: number, mostMs: number) =>
    systemClock.sleep(leastMs + random.next() * (mostMs - leastMs), signal);
  const someMember = () => Math.floor(random.next() * memberCount);
  const leader = () => members.leader().catch(someMember);

  async function memberAway(which: number, how: 'kill' | 'halt'): Promise<void> {
    done.push(`${how} member ${which}`);
    if (how === 'kill') await members.kill(which);
    else await members.halt(which);
    await pause(1_500, 3_000);
    if (how === 'kill') await members.start(which);
    else await members.resume(which);
    await members.whole();
  }

  async function serverAway(how: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const which = random.next() < 0.5 ? 0 : 1;
    done.push(`${how} server ${which}`);
    await servers[which].end(how);
    await pause(200, 1_500);
    await servers[which].start();
  }

  const faults = [
    async () => memberAway(someMember(), 'kill'),
    async () => memberAway(someMember(), 'halt'),
    async () => memberAway(await leader(), 'kill'),
    async () => memberAway(await leader(), 'halt'),
    () => serverAway('SIGKILL'),
    () => serverAway('SIGTERM'),
    async () => {
      await Promise.all([memberAway(await leader(), 'kill'), serverAway('SIGKILL')]);
    },
  ];
  while (performance.now() < untilMs) {
    const startedMs = performance.now();
    await faults[Math.floor(random.next() * faults.length)]?.();
    done.push(`(${Math.round(performance.now() - startedMs)} ms)`);
    await pause(300, 800);
  }
  return done;
}
