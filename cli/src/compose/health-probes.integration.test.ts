import { startHealthProbes } from './health-probes.ts';

describe('the probes of a role', () => {
  it('is alive at once, ready when the role is, and says what there is', async () => {
    const ready = Promise.withResolvers<void>();
    const probes = await startHealthProbes({ host: '127.0.0.1', port: 0 }, ready.promise);
    const ask = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${probes.port}${path}`);
      return { code: answer.status, text: await answer.text() };
    };
    try {
      expect(await ask('/healthz')).toEqual({ code: 200, text: 'ok\n' });
      expect(await ask('/readyz')).toEqual({ code: 503, text: 'not ready yet\n' });
      ready.resolve();
      await ready.promise;
      expect((await ask('/readyz?verbose')).code).toBe(200);
      expect((await ask('/metrics')).code).toBe(404);
      await expect(startHealthProbes({ host: '127.0.0.1', port: probes.port }, ready.promise)).rejects.toThrow(
        `--health-probe-bind-address 127.0.0.1:${probes.port}`,
      );
    } finally {
      await probes.stop();
    }
  });
});
