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
});
