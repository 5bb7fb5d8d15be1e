import { findPlugin } from './exec-plugin.ts';

describe('a plugin that is not found', () => {
  it.each(['nat', 'l2bridge', 'transparent', 'win-overlay'])('is named as one of Windows: %s', async (type) => {
    await expect(findPlugin(type, ['/nowhere'])).rejects.toMatchObject({
      code: 7,
      message: `plugin type "${type}" is not supported on Linux nodes: it belongs to Windows`,
    });
  });

  it('is named with where it was looked for', async () => {
    await expect(findPlugin('nats', ['/nowhere', '/no/where'])).rejects.toMatchObject({
      code: 7,
      message: 'failed to find plugin "nats" in path [/nowhere /no/where]',
    });
  });
});
