/**
 * Which process runs on a data directory. There is a record `DATA_DIR/run/ROLE.json` for each role that a process plays, created
 * exclusively: `up` plays three, and excludes each of them. One that a crash left behind is recognised by the process'
 * start time and taken over, so a reused pid is no trap.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '@slipway/kit/errors';
import { ensureDataDirectory } from './data-directory.ts';
import { CommandError } from './usage-error.ts';

export type Role = 'apiserver' | 'controllers' | 'agent' | 'store';

export interface ProcessRecord {
  /** The command that the process was started with. */
  readonly command: string;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks since boot. With the pid it names one process for ever. */
  readonly startTicks: string;
}

const folder = (dataDir: string) => join(dataDir, 'run');
const fileOf = (dataDir: string, role: Role) => join(folder(dataDir), `${role}.json`);

export interface Claim {
  release(): Promise<void>;
}

/** Writes the records of this process. Throws when another living process holds one of the roles. */
export async function claimRoles(dataDir: string, command: string, roles: readonly Role[]): Promise<Claim> {
  await ensureDataDirectory(dataDir);
  await mkdir(folder(dataDir), { recursive: true, mode: 0o700 });
  const record: ProcessRecord = { command, pid: process.pid, startTicks: (await startTicksOf(process.pid)) ?? '' };
  const held: string[] = [];
  const release = async () => {
    await Promise.all(held.map((path) => rm(path, { force: true })));
  };
  try {
    for (const role of roles) {
      const path = fileOf(dataDir, role);
      await claim(path, record, dataDir);
      held.push(path);
    }
  } catch (error) {
    await release();
    throw error;
  }
  return { release };
}

async function claim(path: string, record: ProcessRecord, dataDir: string): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      await writeFile(path, JSON.stringify(record), { flag: 'wx', mode: 0o600 });
      return;
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      const holder = await readRecord(path);
      if (holder && (await isAlive(holder))) {
        throw new CommandError(
          `data directory ${dataDir} is in use by slipway ${holder.command} (pid ${holder.pid}); stop it with 'slipway down --data-dir ${dataDir}' or choose another --data-dir`,
        );
      }
      await rm(path, { force: true });
    }
  }
  throw new CommandError(
    `data directory ${dataDir}: another slipway ${record.command} is starting at this moment; try again`,
  );
}

/** Records of living processes of this data directory. */
export async function runningProcesses(dataDir: string): Promise<ProcessRecord[]> {
  const names = await readdir(folder(dataDir)).catch(() => []);
  const records = await Promise.all(
    names.filter((name) => name.endsWith('.json')).map((name) => readRecord(join(folder(dataDir), name))),
  );
  const living = new Map<number, ProcessRecord>();
  for (const record of records) if (record && (await isAlive(record))) living.set(record.pid, record);
  return [...living.values()];
}

export async function isAlive(record: ProcessRecord): Promise<boolean> {
  const ticks = await startTicksOf(record.pid);
  return ticks !== undefined && ticks === record.startTicks;
}

async function readRecord(path: string): Promise<ProcessRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(path, 'utf8')) as ProcessRecord;
    return typeof record.pid === 'number' && typeof record.startTicks === 'string' ? record : undefined;
  } catch {
    return undefined; // half-written by a crash, or gone
  }
}

/** Undefined when the process is gone or a zombie. */
async function startTicksOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return undefined;
  // The program's name may hold spaces and parentheses: fields are counted after the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? undefined : fields[19];
}
