/// Where execution logs go. The server implements it with CloudWatch Logs.
pub trait LogSink: Send + Sync {
    /// Appends `lines` (milliseconds since 1970, text) to a stream, making group and stream when they are missing.
    /// Must not block for long: the client waits.
    fn execution_log(
        &self,
        account: &str,
        region: &str,
        group: &str,
        stream: &str,
        lines: Vec<(i64, String)>,
    );

    /// Tells whoever runs the server of something that an API wants and that is not there.
    fn warn(&self, text: &str);
}
