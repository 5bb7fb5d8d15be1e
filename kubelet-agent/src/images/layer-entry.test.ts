import { planLayerEntry } from './layer-entry.ts';

describe('planLayerEntry', () => {
  it.each([
    ['./', { op: 'write', path: '' }],
    ['./etc/passwd', { op: 'write', path: 'etc/passwd' }],
    ['/etc//passwd', { op: 'write', path: 'etc/passwd' }],
    ['etc/.wh.passwd', { op: 'whiteout', path: 'etc/passwd' }],
    ['.wh.etc', { op: 'whiteout', path: 'etc' }],
    ['etc/.wh..wh..opq', { op: 'opaque', directory: 'etc' }],
    ['.wh..wh..opq', { op: 'opaque', directory: '' }],
    ['.wh..wh.plnk/1', { op: 'write', path: '.wh..wh.plnk/1' }],
    ['.wh..wh.plnk', { op: 'ignore' }],
    ['a..b/c', { op: 'write', path: 'a..b/c' }],
  ])('reads %s', (name, step) => {
    expect(planLayerEntry({ name })).toEqual(step);
  });

  it.each(['../x', 'a/../../x', '/..', 'etc/.wh...', 'a\0b', `${'x/'.repeat(3000)}y`])('refuses %j', (name) => {
    expect(() => planLayerEntry({ name })).toThrow(/leads out of it/);
  });
});
