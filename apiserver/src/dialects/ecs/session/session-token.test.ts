import { generateKeyPairSync } from 'node:crypto';
import { type OpenClaims, SessionTokens } from './session-token.ts';

const keyOf = () =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const key = keyOf();
const claims: OpenClaims = {
  kind: 'open',
  session: 'ecs-execute-command-1',
  user: { name: 'alice', groups: ['devs'] },
  namespace: 'default',
  task: { name: 't', uid: '1' },
  pod: { name: 'p', uid: '2' },
  container: 'web',
  containerName: 'web',
  command: ['sh'],
  notice: '',
  expiresMs: 1_000,
};

describe('a session token', () => {
  it('holds until its time is over, at every server that has the key', () => {
    const token = new SessionTokens(key).issue(claims);
    const other = new SessionTokens(key);
    expect(other.verify(token, 999)).toEqual(claims);
    expect(other.verify(token, 1_000)).toBeUndefined();
  });

  it('of another key, changed, cut or made up is none', () => {
    const tokens = new SessionTokens(key);
    const token = tokens.issue(claims);
    expect(new SessionTokens(keyOf()).verify(token, 0)).toBeUndefined();
    const [body = '', signature = ''] = token.split('.');
    const root = Buffer.from(JSON.stringify({ ...claims, user: { name: 'root', groups: [] } })).toString('base64url');
    const forged = [`${root}.${signature}`, `${body}.`, body, `.${signature}`, '', '.', 'a.b', `${token}AAAA`];
    for (const each of forged) expect(tokens.verify(each, 0)).toBeUndefined();
    for (let at = 0; at < token.length - 1; at += 7) {
      const changed = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
      expect(tokens.verify(changed, 0)).toBeUndefined();
    }
  });
});
