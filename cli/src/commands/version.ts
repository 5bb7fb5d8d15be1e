import type { RunCommand } from '../command.ts';
import { versionText } from '../version.ts';

export const version: RunCommand = async ({ print }) => print(versionText());
