import { checkOptionNames, checkPath } from '../../../config/option-names.ts'
import { checkRecord } from '../record-format.ts'
import { type SurveyOptions, surveyDirectory } from './directory-survey.ts'
import type { FrameVisitor } from './segment-survey.ts'
import { type VerifyReport, verifyReportOf } from './verify-report.ts'

/** Options of {@link verifyFileQueue}. */
export interface VerifyFileQueueOptions extends SurveyOptions {}

/**
 * Reads a file queue's directory, every byte of it, and reports what is there and what is not as it
 * was written. Changes nothing. Reads at about the speed of the disk, with memory for one record and
 * for the lists of the report; a cursor takes a bit per record, a dead letter about 300 bytes.
 *
 * The queue must not be open: what is read would change meanwhile. Of one that cannot be closed,
 * verify a snapshot of its file system.
 *
 * Rejects with `ERR_DIRECTORY_IN_USE`, `ERR_NOT_A_LOG` (no queue is there), `ERR_FUTURE_FORMAT`,
 * `ERR_CONFIG`, `ERR_ABORTED`, or the disk's error. Damage does not reject: it is in the report.
 */
export async function verifyFileQueue(options: VerifyFileQueueOptions): Promise<VerifyReport> {
  checkOptionNames('verifyFileQueue', options, names)
  checkPath('verifyFileQueue.directory', options.directory)
  const survey = await surveyDirectory(options, () => checking)
  await survey.confirm()
  return verifyReportOf(survey)
}

const names: readonly (keyof VerifyFileQueueOptions)[] = [
  'directory',
  'fileSystem',
  'isOwned',
  'signal',
  'onProgress',
]

const checking: FrameVisitor = {
  record: ({ buffer, bodyStart }) => void checkRecord(buffer, bodyStart),
  pause() {},
}
