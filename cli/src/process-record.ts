/**
 * Which process runs on a data directory. The record is a file `DATA_DIR/run/ROLE.json` that is created exclusively;
 * one that a crash left behind is recognised by the process' start time and taken over, so a reused pid is no trap.
 */
import { mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '@slipway/kit/errors';
import { CommandError } from './usage-error.ts';

export interface ProcessRecord {
  readonly role: string;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks since boot. With the pid it names one process for ever. */
  readonly startTicks: string;
}

const folder = (dataDir: string) => join(dataDir, 'run');
const fileOf = (dataDir: string, role: string) => join(folder(dataDir), `${role}.json`);

/** Writes the record of this process. Throws when another living process holds the role. */
export async function claimRole(dataDir: string, role: string): Promise<{ release(): Promise<void> }> {
  await mkdir(folder(dataDir), { recursive: true, mode: 0o700 });
  const path = fileOf(dataDir, role);
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const file = await open(path, 'wx', 0o600);
      const record: ProcessRecord = { role, pid: process.pid, startTicks: (await startTicksOf(process.pid)) ?? '' };
      await file.writeFile(JSON.stringify(record));
      await file.close();
      return { release: () => rm(path, { force: true }) };
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
      const holder = await readRecord(path);
      if (holder && (await isAlive(holder))) {
        throw new CommandError(
          `data directory ${dataDir} is in use by slipway ${holder.role} (pid ${holder.pid}); stop it with 'slipway down --data-dir ${dataDir}' or choose another --data-dir`,
        );
      }
      await rm(path, { force: true });
    }
  }
  throw new CommandError(`data directory ${dataDir}: another slipway ${role} is starting at this moment; try again`);
}

/** Records of living processes of this data directory. */
export async function runningProcesses(dataDir: string): Promise<ProcessRecord[]> {
  const names = await readdir(folder(dataDir)).catch(() => []);
  const records = await Promise.all(
    names.filter((name) => name.endsWith('.json')).map((name) => readRecord(join(folder(dataDir), name))),
  );
  const living: ProcessRecord[] = [];
  for (const record of records) if (record && (await isAlive(record))) living.push(record);
  return living;
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
