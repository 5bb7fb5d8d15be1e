import fc from 'fast-check';
import { rightsNotHeld, rulesCover } from './rule-match.ts';

const rule = (apiGroups: string, resources: string, verbs: string, resourceNames?: string[]) => ({
  apiGroups: [apiGroups],
  resources: resources.split(' '),
  verbs: verbs.split(' '),
  ...(resourceNames ? { resourceNames } : {}),
});

describe('rulesCover', () => {
  it.each([
    ['the same', rule('', 'pods', 'get'), rule('', 'pods', 'get'), true],
    ['a star of verbs', rule('', 'pods', '*'), rule('', 'pods', 'get list'), true],
    ['a star that is wanted', rule('', 'pods', 'get list'), rule('', 'pods', '*'), false],
    ['every resource', rule('*', '*', '*'), rule('apps', 'deployments/scale', 'get'), true],
    ['a subresource of all', rule('*', '*/scale', 'get'), rule('apps', 'deployments/scale', 'get'), true],
    [
      'the resource of a subresource',
      rule('apps', 'deployments', 'get'),
      rule('apps', 'deployments/scale', 'get'),
      false,
    ],
    ['names within all', rule('', 'secrets', 'get'), rule('', 'secrets', 'get', ['a']), true],
    ['all beyond names', rule('', 'secrets', 'get', ['a']), rule('', 'secrets', 'get'), false],
    ['some names', rule('', 'secrets', 'get', ['a']), rule('', 'secrets', 'get', ['a', 'b']), false],
    ['paths below', { nonResourceURLs: ['/a/*'], verbs: ['get'] }, { nonResourceURLs: ['/a/b'], verbs: ['get'] }, true],
    [
      'paths above',
      { nonResourceURLs: ['/a/b'], verbs: ['get'] },
      { nonResourceURLs: ['/a/*'], verbs: ['get'] },
      false,
    ],
  ])('%s', (_name, owned, wanted, covered) => {
    expect(rulesCover([owned], wanted)).toBe(covered);
  });

  it('puts rules together', () => {
    const owned = [rule('', 'pods', 'get'), rule('', 'pods', 'list'), rule('', 'services', 'get list')];
    expect(rulesCover(owned, rule('', 'pods services', 'get list'))).toBe(true);
  });
});

describe('rightsNotHeld', () => {
  it('names what is missing and no more, verbs of one thing together', () => {
    const missing = rightsNotHeld([rule('', 'pods', 'get')], [rule('', 'pods secrets', 'get list watch')]);
    expect(missing).toEqual([rule('', 'pods', 'list watch'), rule('', 'secrets', 'get list watch')]);
  });

  const word = (...words: string[]) => fc.subarray(words, { minLength: 1 });
  const someRule = fc.oneof(
    fc.record(
      {
        apiGroups: word('', 'apps', '*'),
        resources: word('pods', 'pods/log', '*/log', '*'),
        verbs: word('get', 'list', '*'),
        resourceNames: word('a', 'b'),
      },
      { requiredKeys: ['apiGroups', 'resources', 'verbs'] },
    ),
    fc.record({ nonResourceURLs: word('/a', '/a/*', '/a/b', '*'), verbs: word('get', '*') }),
  );

  it('misses nothing exactly where each rule is covered, however the rules are put together', () => {
    fc.assert(
      fc.property(fc.array(someRule, { maxLength: 4 }), someRule, (owned, wanted) => {
        const missing = rightsNotHeld(owned, [wanted]);
        expect(missing.length === 0).toBe(rulesCover(owned, wanted));
      }),
    );
  });

  const many = (of: string, count: number) => Array.from({ length: count }, (_, i) => `${of}${i}`);
  const wide = {
    apiGroups: many('g', 1000),
    resources: many('r', 1000),
    verbs: many('v', 1000),
    resourceNames: many('n', 1000),
  };

  it('does not multiply out a short rule that stands for 10^12 rights', () => {
    expect(rightsNotHeld([rule('', 'pods', 'get')], [wide])).toBe('too many');
    expect(rightsNotHeld([wide], [wide])).toEqual([]);
    expect(rightsNotHeld([rule('*', '*', '*')], [wide])).toEqual([]);
    expect(
      rightsNotHeld([wide], [{ apiGroups: ['g1'], resources: ['r1'], verbs: ['v1', 'w'], resourceNames: ['n1'] }]),
    ).toEqual([{ apiGroups: ['g1'], resources: ['r1'], verbs: ['w'], resourceNames: ['n1'] }]);
  });

  it('looks at each rule a bounded number of times, however many rules there are', () => {
    let reads = 0;
    const counted = (group: string) => ({
      apiGroups: [group],
      resources: ['r'],
      get verbs() {
        reads++;
        return ['get'];
      },
    });
    const rules = many('g', 2000).map(counted);
    expect(rightsNotHeld(rules, rules)).toEqual([]);
    expect(reads).toBeLessThan(10 * 2 * rules.length);
  });
});
