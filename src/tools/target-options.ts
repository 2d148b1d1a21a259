/**
 * The options that name a target, for every tool that has one. Loads nothing: the program knows its options before it knows
 * which of its tools is wanted.
 */
import type { Command } from 'commander'

export interface TargetOptions {
  readonly target?: string
  readonly keyFile?: string
  readonly s3Endpoint?: string
  readonly s3Region?: string
  readonly config?: string
}

/** Credentials are not among them: whoever lists processes would see them. */
export function addTargetOptions(command: Command): Command {
  return command
    .option('-t, --target <location>', 'where the backups are: a folder or s3://bucket/prefix')
    .option('-c, --config <file>', "a server's configuration file, for what is not given here")
    .option('-k, --key-file <file>', 'file with the key that the backups are encrypted with')
    .option('--s3-endpoint <url>', 'server of the S3 protocol (else AWS_ENDPOINT_URL_S3, or that of AWS)')
    .option('--s3-region <region>', 'its region (else AWS_REGION)')
    .addHelpText(
      'after',
      '\nCredentials come from the configuration file or from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
    )
}
