import { formatReference, imageIdPrefix, parseReference } from './reference.ts';

const digest = `sha256:${'a'.repeat(64)}`;

describe('parseReference', () => {
  it.each([
    ['app', 'docker.io/library/app:latest'],
    ['app:1', 'docker.io/library/app:1'],
    ['user/app:1', 'docker.io/user/app:1'],
    ['docker.io/app', 'docker.io/library/app:latest'],
    ['index.docker.io/app:2', 'docker.io/library/app:2'],
    ['localhost/app:1', 'localhost/app:1'],
    ['localhost:5000/app', 'localhost:5000/app:latest'],
    ['registry.example/a/b/c:v1.2-x', 'registry.example/a/b/c:v1.2-x'],
    ['[::1]:5000/app:1', '[::1]:5000/app:1'],
    [`app@${digest}`, `docker.io/library/app@${digest}`],
    [`localhost:5000/app:1@${digest}`, `localhost:5000/app@${digest}`],
  ])('completes %s to %s', (text, full) => {
    expect(formatReference(parseReference(text))).toBe(full);
    expect(formatReference(parseReference(full))).toBe(full);
  });

  it.each([
    '',
    'App',
    'a//b',
    'app:',
    'app:white space',
    'app@sha256:12',
    '/app',
    'app/',
    '../app',
    'a@b@c',
    'a'.repeat(600),
  ])('refuses %j', (text) => {
    expect(() => parseReference(text)).toThrow(/couldn't parse image name/);
  });
});

describe('imageIdPrefix', () => {
  it('takes digests and twelve or more hex digits, not names', () => {
    expect(imageIdPrefix(digest)).toBe(digest);
    expect(imageIdPrefix('a'.repeat(64))).toBe(digest);
    expect(imageIdPrefix('0123456789ab')).toBe('sha256:0123456789ab');
    expect(imageIdPrefix('0123456789a')).toBeUndefined();
    expect(imageIdPrefix('app')).toBeUndefined();
  });
});
