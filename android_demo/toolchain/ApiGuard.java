import java.io.File;
import java.io.FileInputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.codehaus.mojo.animal_sniffer.ClassListBuilder;
import org.codehaus.mojo.animal_sniffer.SignatureChecker;
import org.codehaus.mojo.animal_sniffer.logging.PrintWriterLogger;

/**
 * Prints one line for every use, in a jar, of something that neither the jar nor a signature of the public API has.
 *
 * <p>It runs from source: {@code java -cp ANIMAL_SNIFFER:ASM ApiGuard.java SIGNATURE JAR}.
 */
final class ApiGuard {
    private ApiGuard() {}

    public static void main(String[] arguments) throws Exception {
        File jar = new File(arguments[1]);
        PrintWriterLogger logger = new PrintWriterLogger(new PrintStream(System.out, true, StandardCharsets.UTF_8));
        ClassListBuilder own = new ClassListBuilder(logger);
        own.setCheckJars(true);
        own.process(jar);
        try (InputStream signature = new FileInputStream(arguments[0])) {
            SignatureChecker checker = new SignatureChecker(signature, own.getPackages(), logger);
            checker.setCheckJars(true);
            checker.setSourcePath(List.of());
            checker.process(jar);
        }
    }
}
