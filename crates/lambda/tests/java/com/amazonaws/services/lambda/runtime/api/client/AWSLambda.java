package com.amazonaws.services.lambda.runtime.api.client;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;

/** Stands in for AWS's runtime client: the same main class and argument, the Runtime API, and nothing else. */
public final class AWSLambda {
    private static final String API = "http://" + System.getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/";

    public static void main(String[] arguments) throws Exception {
        Method handler;
        try {
            String[] names = arguments[0].split("::");
            handler = Class.forName(names[0]).getMethod(names[1], String.class, String.class);
        } catch (ReflectiveOperationException e) {
            post("init/error", error(e), e);
            System.exit(1);
            return;
        }
        while (true) {
            HttpURLConnection next = (HttpURLConnection) new URL(API + "invocation/next").openConnection();
            String event = read(next.getInputStream());
            String id = next.getHeaderField("Lambda-Runtime-Aws-Request-Id");
            try {
                post("invocation/" + id + "/response", (String) handler.invoke(null, event, id), null);
            } catch (InvocationTargetException e) {
                post("invocation/" + id + "/error", error(e.getCause()), e.getCause());
            }
        }
    }

    private static String error(Throwable e) {
        return "{\"errorMessage\":\"" + e.getMessage() + "\",\"errorType\":\"" + e.getClass().getName()
            + "\",\"stackTrace\":[\"" + e.getStackTrace()[0] + "\"]}";
    }

    private static void post(String where, String body, Throwable failed) throws IOException {
        HttpURLConnection call = (HttpURLConnection) new URL(API + where).openConnection();
        call.setDoOutput(true);
        if (failed != null) call.setRequestProperty("Lambda-Runtime-Function-Error-Type", failed.getClass().getName());
        call.getOutputStream().write(body.getBytes(StandardCharsets.UTF_8));
        if (call.getResponseCode() != 202) throw new IOException(where + ": " + call.getResponseCode());
        read(call.getInputStream());
    }

    private static String read(InputStream from) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        byte[] some = new byte[4096];
        for (int n = from.read(some); n >= 0; n = from.read(some)) all.write(some, 0, n);
        return new String(all.toByteArray(), StandardCharsets.UTF_8);
    }
}
