import { parseTokenFile } from './static-tokens.ts';

describe('parseTokenFile', () => {
  it('reads users with and without groups', () => {
    const users = parseTokenFile('# ours\nabc,jane,1\n\n"d,e", root ,2,"system:masters,ops"\r\n');
    expect(users).toEqual(
      new Map([
        ['abc', { name: 'jane', uid: '1', groups: ['system:authenticated'] }],
        ['d,e', { name: 'root', uid: '2', groups: ['system:masters', 'ops', 'system:authenticated'] }],
      ]),
    );
  });

  it.each([
    ['abc,jane', 'line 1: must have at least 3 columns (token, user name, user uid), found 2'],
    [',jane,1', 'line 1: the token is empty'],
    ['a,jane,1\na,joe,2', 'line 2: the token stands there twice'],
    ['"a,jane,1', 'line 1: quotes do not match'],
  ])('refuses %j', (text, message) => {
    expect(() => parseTokenFile(text)).toThrow(message);
  });
});
