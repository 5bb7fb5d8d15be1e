import { parseDnsSettings, stubServersFor } from './dns-settings.ts';

const parse = (data: Record<string, string>) =>
  parseDnsSettings({ apiVersion: 'v1', kind: 'ConfigMap', metadata: {}, data });

describe('parseDnsSettings', () => {
  it('reads stub domains and servers, with and without ports', () => {
    const { settings, problems } = parse({
      stubDomains: '{"Corp.Example.": ["10.0.0.53:5353", "[fd00::1]:54"], "eu.corp.example": ["fd00::2"]}',
      upstreamNameservers: '["9.9.9.9"]',
    });
    expect(problems).toEqual([]);
    expect(settings.upstreams).toEqual([{ address: '9.9.9.9', port: 53 }]);
    const first = { address: '10.0.0.53', port: 5353 };
    expect(stubServersFor('a.b.corp.example', settings)).toEqual([first, { address: 'fd00::1', port: 54 }]);
    expect(stubServersFor('corp.example', settings)).toContainEqual(first);
    expect(stubServersFor('x.eu.corp.example', settings)).toEqual([{ address: 'fd00::2', port: 53 }]);
    expect(stubServersFor('xcorp.example', settings)).toBeUndefined();
    expect(stubServersFor('', settings)).toBeUndefined();
  });

  it.each<[Record<string, string>, string]>([
    [{ stubDomains: '{' }, 'stubDomains: '],
    [{ stubDomains: '[]' }, 'stubDomains: must be an object of lists'],
    [{ stubDomains: '{"a": "10.0.0.1"}' }, 'stubDomains[a]: must be a list'],
    [{ stubDomains: '{"a": ["consul.local"]}' }, '"consul.local" is not an IP address'],
    [{ upstreamNameservers: '["1.1.1.1:0"]' }, '"1.1.1.1:0" is not an IP address'],
    [{ upstreamNameservers: '["1.1.1.1","1.1.1.2","1.1.1.3","1.1.1.4"]' }, 'at most 3'],
  ])('leaves out %j and says why', (data, problem) => {
    const { settings, problems } = parse(data);
    expect(problems.join()).toContain(problem);
    expect([settings.stubDomains.size, settings.upstreams.length]).toEqual([0, 0]);
  });

  it('says nothing when there is none', () => {
    expect(parseDnsSettings(undefined).problems).toEqual([]);
  });
});
