/** A customer's handler. */
public final class App {
    private static int calls = 0;

    public static String handle(String event, String requestId) {
        System.out.println("event " + event + " of " + requestId);
        calls += 1;
        if (event.equals("\"throw\"")) throw new IllegalStateException("asked to");
        if (event.equals("\"exit\"")) System.exit(7);
        if (event.equals("\"hog\"")) {
            try {
                return "\"" + new byte[1 << 30].length + "\"";
            } catch (OutOfMemoryError e) {
                return "\"" + e.getMessage() + "\"";
            }
        }
        return "[" + calls + ",\"" + System.getenv("AWS_EXECUTION_ENV") + "\",\"" + System.getenv("AWS_ACCESS_KEY") + "\",\""
            + System.getProperty("user.dir") + "\"," + (Runtime.getRuntime().maxMemory() >> 20) + "]";
    }
}
