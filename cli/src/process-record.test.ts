import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { claimRoles, runningProcesses } from './process-record.ts';

describe('claimRoles', () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'slipway-roles-'));
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));

  it('keeps every role of an all-in-one from others, and gives back what it took when one is held', async () => {
    const agent = await claimRoles(dataDir, 'agent', ['agent']);
    await expect(claimRoles(dataDir, 'up', ['apiserver', 'controllers', 'agent'])).rejects.toThrow(
      `data directory ${dataDir} is in use by slipway agent (pid ${process.pid}); stop it with 'slipway down --data-dir`,
    );
    const apiserver = await claimRoles(dataDir, 'apiserver', ['apiserver']);
    expect(await runningProcesses(dataDir)).toHaveLength(1); // one process, two roles
    await agent.release();
    await apiserver.release();
    const up = await claimRoles(dataDir, 'up', ['apiserver', 'controllers', 'agent']);
    await expect(claimRoles(dataDir, 'agent', ['agent'])).rejects.toThrow('is in use by slipway up');
    await up.release();
    expect(await runningProcesses(dataDir)).toEqual([]);
  });

  it('takes over what a crash left behind', async () => {
    await (await claimRoles(dataDir, 'up', ['agent'])).release();
    await writeFile(
      join(dataDir, 'run/agent.json'),
      JSON.stringify({ command: 'up', pid: process.pid, startTicks: '1' }),
    );
    await claimRoles(dataDir, 'agent', ['agent']);
    await writeFile(join(dataDir, 'run/controllers.json'), '{"pid"'); // half-written
    await claimRoles(dataDir, 'controllers', ['controllers']);
  });

  it.each(['/proc/nowhere', '/etc/passwd', '/etc/passwd/below'])(
    'says that %s cannot be a data directory',
    async (path) => {
      await expect(claimRoles(path, 'up', ['agent'])).rejects.toThrow(`cannot write to data directory ${path}: E`);
    },
  );
});
