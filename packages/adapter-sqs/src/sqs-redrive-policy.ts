import { WalError } from '@daybook/core'

/**
 * Fewest hand-outs after which SQS may move a message away. Each counts, also those in an outage, behind
 * another record or at a shutdown, so that a low number takes records that nobody has tried to apply.
 */
const fewestReceives = 100

/**
 * Refuses a queue whose own redrive policy moves records to where Daybook does not look: they would be
 * neither applied nor dead letters. Throws `ERR_CONFIG`.
 */
export function checkRedrivePolicy(queueUrl: string, policy: string | undefined): void {
  if (policy === undefined || policy === '') return
  const count = partOf(policy, 'maxReceiveCount')
  if (Number(count) >= fewestReceives) return
  const facts = `The queue ${queueUrl} has a redrive policy whose maxReceiveCount is ${count}, and SQS would move records away that are not applied.`
  const help = `Raise it to ${fewestReceives} or more, or remove the policy: dead letters are Daybook's, see \`deadLetterStore\`.`
  throw new WalError('ERR_CONFIG', `${facts} ${help}`)
}

/**
 * Refuses redrive policies that lead into the queue of the dead letters where there are several targets: a message does
 * not say which of them its record was for, so that it could not be redriven. Throws `ERR_CONFIG`.
 */
export function checkRedriveTargets(
  queues: readonly { readonly url: string; readonly redrivesTo?: string | undefined }[],
  targets: readonly string[],
  lettersArn: string | undefined,
): void {
  if (targets.length < 2 || lettersArn === undefined) return
  const leading = queues.find(({ redrivesTo }) => redrivesTo === lettersArn)
  if (leading === undefined) return
  const facts = `The redrive policy of the queue ${leading.url} leads into \`deadLetterQueueUrl\`, and the namespace has ${targets.length} targets: what SQS moves does not say which of them it was for, and could not be redriven.`
  throw new WalError('ERR_CONFIG', `${facts} Remove the policy.`)
}

/** The ARN of the queue that a policy leads to. */
export function redrivesTo(policy: string | undefined): string | undefined {
  const arn = partOf(policy ?? '', 'deadLetterTargetArn')
  return typeof arn === 'string' ? arn : undefined
}

/** A part of a policy as it stands there: a number may be its digits. */
function partOf(policy: string, name: string): unknown {
  try {
    return (JSON.parse(policy) as Readonly<Record<string, unknown>> | null)?.[name]
  } catch {
    return undefined
  }
}
