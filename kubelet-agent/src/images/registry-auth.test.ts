import { authorize, basicCredentials, parseChallenge } from './registry-auth.ts';

const signal = new AbortController().signal;

describe('parseChallenge', () => {
  it('reads quoted parameters with commas', () => {
    const header = 'Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push"';
    expect(parseChallenge(header)).toEqual({
      scheme: 'bearer',
      parameters: { realm: 'https://auth.example/token', service: 'reg', scope: 'repository:a/b:pull,push' },
    });
  });

  it('knows nothing else', () => {
    expect(parseChallenge('Digest realm="x"')).toBeUndefined();
    expect(parseChallenge(null)).toBeUndefined();
  });
});

describe('authorize', () => {
  it('asks the token server with the credentials for the scope', async () => {
    const asked: { url: string; authorization: string | null }[] = [];
    const fetch = async (url: unknown, init?: RequestInit) => {
      asked.push({ url: String(url), authorization: new Headers(init?.headers).get('authorization') });
      return new Response(JSON.stringify({ token: 't' }));
    };
    const challenge = {
      scheme: 'bearer' as const,
      parameters: { realm: 'https://auth.example/token', service: 'reg' },
    };
    const auth = { username: 'u', password: 'p' };
    const header = await authorize({ fetch: fetch as typeof globalThis.fetch, challenge, auth, scope: 's' }, signal);
    expect(header).toBe('Bearer t');
    expect(asked).toEqual([
      { url: 'https://auth.example/token?service=reg&scope=s', authorization: `Basic ${basicCredentials(auth)}` },
    ]);
  });

  it('says that credentials are missing', async () => {
    const challenge = { scheme: 'basic' as const, parameters: {} };
    const request = { fetch: globalThis.fetch, challenge, auth: undefined, scope: 's' };
    await expect(authorize(request, signal)).rejects.toMatchObject({ reason: 'unauthorized' });
  });
});
