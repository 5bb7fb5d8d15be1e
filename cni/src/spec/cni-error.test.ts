import { readFileSync } from 'node:fs';
import { CniError, cniErrorCodes, cniErrorFrom } from './cni-error.ts';

describe('CniError', () => {
  it('has every code in the table of the README, and no other', () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const table = readme.slice(readme.indexOf('## Errors'));
    const codes = [...table.matchAll(/^\|\s*(\d+)\s*\|/gm)].map(([, code]) => Number(code));
    expect(codes).toEqual(Object.values(cniErrorCodes));
  });

  it('says what also failed while rolling back', () => {
    const first = new Error('no such bridge');
    const error = cniErrorFrom(new AggregateError([first, new Error('undo x: busy')], first.message));
    expect(error).toMatchObject({ code: 999, message: 'no such bridge', details: 'undo x: busy' });
    const own = new CniError('tryAgainLater', 'later');
    expect(cniErrorFrom(own)).toBe(own);
  });
});
