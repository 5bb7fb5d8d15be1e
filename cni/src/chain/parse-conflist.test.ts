import { pluginConfig } from './chain.ts';
import { parseConflist } from './parse-conflist.ts';

const list = (more: Record<string, unknown> = {}) =>
  parseConflist({ cniVersion: '1.0.0', name: 'net', plugins: [{ type: 'bridge' }], ...more }, 'x.conflist');

describe('parseConflist', () => {
  it('gives each plugin the name and the version of the list', () => {
    expect(list().plugins[0]).toEqual({ type: 'bridge', name: 'net', cniVersion: '1.0.0' });
    expect(list({ cniVersions: ['1.0.0', '1.1.0', '2.0.0'] }).cniVersion).toBe('1.1.0');
  });

  it('takes a single plugin as a list of one', () => {
    expect(parseConflist({ cniVersion: '0.4.0', name: 'net', type: 'ptp' }, 'x.conf').plugins).toHaveLength(1);
  });

  it('appends plugins of further files, unless the list wants only its own', () => {
    const raw = { cniVersion: '1.1.0', name: 'net', plugins: [{ type: 'bridge' }] };
    const typesOf = (more: object) =>
      parseConflist({ ...raw, ...more }, 'x.conflist', [{ type: 'tuning' }]).plugins.map((plugin) => plugin.type);
    expect(typesOf({})).toEqual(['bridge', 'tuning']);
    expect(typesOf({ plugins: undefined })).toEqual(['tuning']);
    expect(typesOf({ loadOnlyInlinedPlugins: true })).toEqual(['bridge']);
  });

  it('reads flags also in quotes', () => {
    expect(list({ disableCheck: 'true', disableGC: true })).toMatchObject({ disableCheck: true, disableGC: true });
  });

  it.each<[Record<string, unknown>, string]>([
    [{ name: undefined }, 'x.conflist: no name'],
    [{ plugins: [] }, 'x.conflist: no plugins in list'],
    [{ plugins: [{}] }, 'x.conflist: plugins[0]: missing type'],
    [{ plugins: {} }, 'x.conflist: plugins is not a list'],
    [{ plugins: [{ type: 'bridge' }, 'portmap'] }, 'x.conflist: plugins[1]: expected an object'],
    [{ disableCheck: 'perhaps' }, 'x.conflist: disableCheck: expected true or false'],
    [{ plugins: undefined, loadOnlyInlinedPlugins: true }, 'no plugins inlined'],
    [{ cniVersions: '1.0.0' }, 'cniVersions is not a list'],
    [{ name: 'a b' }, 'invalid characters found in network name'],
    [{ cniVersion: '7' }, 'incompatible CNI versions'],
  ])('refuses %j', (more, message) => {
    expect(() => list(more)).toThrow(message);
  });
});

describe('pluginConfig', () => {
  it('hands a capability only to plugins that declare it, and drops the declaration', () => {
    const args = { portMappings: [{ hostPort: 1, containerPort: 2 }], mac: '02:00:00:00:00:01' };
    const plugin = { name: 'n', type: 'portmap', capabilities: { portMappings: true, mac: false } };
    expect(pluginConfig(plugin, args, { ips: [] })).toEqual({
      name: 'n',
      type: 'portmap',
      runtimeConfig: { portMappings: args.portMappings },
      prevResult: { ips: [] },
    });
    expect(pluginConfig({ name: 'n', type: 'bridge' }, args, undefined)).toEqual({ name: 'n', type: 'bridge' });
  });
});
