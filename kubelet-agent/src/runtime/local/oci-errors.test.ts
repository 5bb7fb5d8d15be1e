import { exitCodeOfStartError, ociErrorText, processStartError } from './oci-errors.ts';

const logged = (msg: string) =>
  `${JSON.stringify({ level: 'warning', msg: 'noise' })}\n${JSON.stringify({ level: 'error', msg })}\n`;

describe('processStartError', () => {
  it.each([
    [
      'runc create failed: unable to start container process: exec: "x": executable file not found in $PATH',
      'commandNotFound',
      127,
    ],
    [
      'runc create failed: unable to start container process: exec: "/x": stat /x: no such file or directory',
      'commandNotFound',
      127,
    ],
    ['executable file `x` not found in $PATH: No such file or directory', 'commandNotFound', 127],
    [
      'runc create failed: unable to start container process: exec: "/etc/passwd": permission denied',
      'commandNotExecutable',
      126,
    ],
    ['open executable: Permission denied', 'commandNotExecutable', 126],
    ['cannot mount something', 'startFailed', 128],
  ])('understands %s', (message, reason, exitCode) => {
    const error = processStartError('create', logged(message));
    expect(error.reason).toBe(reason);
    expect(exitCodeOfStartError(error)).toBe(exitCode);
  });

  it("speaks runc's words for crun", () => {
    const { message } = processStartError(
      'create',
      logged('executable file `nope` not found in $PATH: No such file or directory'),
    );
    expect(message).toBe('OCI runtime create failed: exec: "nope": executable file not found in $PATH');
  });

  it('reads logfmt and plain text', () => {
    expect(ociErrorText('time="t" level=error msg="a \\"b\\""')).toBe('a "b"');
    expect(ociErrorText('something broke\n')).toBe('something broke');
  });
});
